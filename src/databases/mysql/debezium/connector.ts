// How Debezium's connectors for MySQL and MariaDB are set up to write the log as it is.

import type { Position } from '../../../model/position.ts';
import type { Table } from '../../../model/table.ts';
import { MARKER_SCHEMA, MARKER_TABLE } from '../log/marker.ts';
import { parsePlace } from '../log/position.ts';
import { connectionOptions } from '../url.ts';

export const MYSQL_CONNECTOR = 'io.debezium.connector.mysql.MySqlConnector';
export const MARIADB_CONNECTOR = 'io.debezium.connector.mariadb.MariaDbConnector';

export interface MysqlReading {
  readonly tables: readonly Pick<Table, 'schema' | 'name'>[];
  /** Nobody else that reads the log of this server may have the same. */
  readonly serverId: number;
}

export function mysqlConfig({ tables, serverId }: MysqlReading): Readonly<Record<string, string>> {
  const captured = [...tables, { schema: MARKER_SCHEMA, name: MARKER_TABLE }];
  const names = captured.map(({ schema, name }) => `${exactly(schema)}\\.${exactly(name)}`);
  return {
    'database.server.id': String(serverId),
    // In one order: with another one the connector would have been changed.
    'table.include.list': names.toSorted().join(','),
    'snapshot.mode': 'recovery',
    'snapshot.locking.mode': 'none',
    'schema.history.internal': 'io.debezium.relational.history.MemorySchemaHistory',
    'schema.history.internal.store.only.captured.databases.ddl': 'true',
    'schema.history.internal.store.only.captured.tables.ddl': 'true',
    'include.schema.changes': 'true',
    'bigint.unsigned.handling.mode': 'precise',
    'binary.handling.mode': 'base64',
    // Years below 100 would be taken for ones of this century.
    'enable.time.adjuster': 'false',
  };
}

/** A regular expression of Java's that this name alone matches. */
function exactly(name: string): string {
  return name.replace(/\W/gu, (char) => `\\x{${char.codePointAt(0)?.toString(16)}}`);
}

/** The connector's own words for a position of the log that ends a transaction. */
export function mysqlOffset(position: Position): Readonly<Record<string, string | number>> {
  const { name, at, gtids } = parsePlace(position);
  return { file: name, pos: at, ...(gtids === '' ? {} : { gtids }) };
}

/** Without how much of a transaction was written: what is left says where it begins. */
export function mysqlBegin(offset: Readonly<Record<string, unknown>>): Readonly<Record<string, string | number>> {
  const { file, pos, gtids } = offset;
  return { file: String(file), pos: Number(pos), ...(typeof gtids === 'string' && gtids !== '' ? { gtids } : {}) };
}

/** The words for `disable`, `require`, `verify-ca` and `verify-full`. */
const TLS = {
  mysql: { disable: 'disabled', require: 'required', 'verify-ca': 'verify_ca', 'verify-full': 'verify_identity' },
  mariadb: { disable: 'disable', require: 'trust', 'verify-ca': 'verify-ca', 'verify-full': 'verify-full' },
} as const;

/** Where the connector finds the source: as the url says, its TLS included. A file of authorities lies elsewhere for it. */
export function mysqlAccess(url: string, kind: keyof typeof TLS): Readonly<Record<string, string>> {
  const { host, port, user, password, ssl } = connectionOptions('source', url);
  const asked = new URL(url).searchParams.get('sslmode') ?? (ssl === undefined ? 'disable' : 'verify-full');
  const mode = Object.entries(TLS[kind]).find(([name]) => name === asked)?.[1] ?? '';
  return {
    'database.hostname': host ?? '',
    'database.port': String(port),
    'database.user': user ?? '',
    'database.password': password ?? '',
    'database.ssl.mode': mode,
    // Without TLS a password goes to MySQL under a key that the server shows, as our own sessions send it.
    ...(kind === 'mysql' && asked === 'disable' ? { 'driver.allowPublicKeyRetrieval': 'true' } : {}),
  };
}
