// MySQL or MariaDB as a source whose log comes through Debezium.

import type { Connection } from 'mysql2';
import type { Catalog } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import type { Position } from '../../../model/position.ts';
import type { Column, Table } from '../../../model/table.ts';
import type { ConnectorWords, DebeziumSource, ReadingFacts } from '../../debezium.ts';
import { errorFinding, excludeCure, warningFinding } from '../../findings.ts';
import type { MysqlServer } from '../connection.ts';
import { type LogFiles, LogWatch } from '../log/log-watch.ts';
import { covers, parsePlace } from '../log/position.ts';
import { askTexts, readFacts } from '../log/source-facts.ts';
import { LoggedTables } from '../log/tables.ts';
import { MARIADB_CONNECTOR, MYSQL_CONNECTOR, mysqlAccess, mysqlBegin, mysqlConfig, mysqlOffset } from './connector.ts';
import { MysqlDialect } from './dialect.ts';
import { SettingsWatch } from './settings-watch.ts';
import { whatIsLost, whyNotWhole } from './values.ts';

export interface MysqlDebeziumOptions {
  readonly server: MysqlServer;
  readonly kind: 'mysql' | 'mariadb';
  /** The source's, as the plan has it. */
  readonly url: string;
  /** Whose markers are met. */
  readonly run: string;
  /** As in MysqlReading. */
  readonly serverId: number;
  readonly networkTimeoutMs: number;
}

const WATCH_INTERVAL_MS = 10_000;
/** What is written between two looks is not seen. */
const SETTINGS_INTERVAL_MS = 2_000;

export class MysqlDebezium implements DebeziumSource {
  readonly connector: string;
  readonly covers = covers;
  readonly beginOf = mysqlBegin;
  readonly #options: MysqlDebeziumOptions;

  constructor(options: MysqlDebeziumOptions) {
    this.#options = options;
    this.connector = options.kind === 'mariadb' ? MARIADB_CONNECTOR : MYSQL_CONNECTOR;
  }

  options(tables: readonly Table[]): ConnectorWords {
    const { url, kind, serverId } = this.#options;
    return { ...mysqlConfig({ tables, serverId }), ...mysqlAccess(url, kind) };
  }

  /** Only a snapshot's position ends a transaction; that of a message is the begin of its last change. */
  offsetOf(at: Position): ConnectorWords<string | number> | undefined {
    return parsePlace(at).born === undefined ? undefined : mysqlOffset(at);
  }

  async check({ tables }: Catalog): Promise<readonly Finding[]> {
    const all = tables.map(({ table }) => table);
    const { server } = this.#options;
    const connection = await server.connect();
    try {
      const charsetOf = await readCharsets(connection, all);
      const found = all.flatMap((table) =>
        table.columns.flatMap((column) => {
          const written = { type: column.type, charset: charsetOf(table, column) };
          const [subject, lost, reason] = [`${table.id}.${column.name}`, whatIsLost(written), whyNotWhole(written)];
          const message = `is of type ${column.type}: ${reason}`;
          const cure = `stream: { via: native }  # in the plan, or ${excludeCure(`${table.schema}.${table.name}`)}`;
          if (reason !== undefined) return [errorFinding({ code: 'DEBEZIUM_TYPE', subject, message, cure })];
          return lost === undefined ? [] : [warningFinding({ code: 'DEBEZIUM_TYPE', subject, message: lost })];
        }),
      );
      return [...(await compression(connection)), ...found, ...(await dates(connection, all))];
    } finally {
      connection.destroy();
    }
  }

  async facts(tables: readonly Table[]): Promise<ReadingFacts> {
    const { server, run, networkTimeoutMs } = this.#options;
    const connection = await server.connect();
    const watch = new LogWatch(connection);
    const settings = new SettingsWatch(connection);
    const close = async (): Promise<void> => {
      settings.close();
      watch.close();
    };
    try {
      const { captured, ...facts } = await readFacts(connection, tables);
      const charsetOf = await readCharsets(connection, tables);
      const listed = await askTexts(connection, 'SHOW BINARY LOGS');
      let files: LogFiles = new Map(listed.map(([name, size]) => [name ?? '', Number(size)]));
      return {
        dialect: new MysqlDialect({
          run,
          tables: new LoggedTables({ captured, ...facts }),
          charsetOf,
          files: () => files,
        }),
        tables: captured,
        watch: (failed) => {
          watch.start(WATCH_INTERVAL_MS, networkTimeoutMs, {
            // What the connector still needs it misses itself; but the newest file is never removed.
            reached: () => ({ name: [...files.keys()].at(-1) ?? '', at: 0 }),
            looked: (looked) => {
              files = looked;
            },
            failed,
          });
          settings.start(SETTINGS_INTERVAL_MS, failed);
          return { close };
        },
        retainedBytes: async () => undefined,
        close,
      };
    } catch (error) {
      await close();
      throw error;
    }
  }
}

async function readCharsets(
  connection: Connection,
  tables: readonly Table[],
): Promise<(table: Table, column: Column) => string | undefined> {
  const key = (...parts: readonly (string | null | undefined)[]): string => parts.join('\0');
  const rows = await askTexts(
    connection,
    `SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, CHARACTER_SET_NAME FROM information_schema.COLUMNS
     WHERE TABLE_SCHEMA IN (?) AND CHARACTER_SET_NAME IS NOT NULL`,
    [['', ...new Set(tables.map(({ schema }) => schema))]],
  );
  const charsets = new Map(rows.map(([schema, table, column, charset]) => [key(schema, table, column), charset ?? '']));
  return ({ schema, name }, column) => charsets.get(key(schema, name, column.name));
}

const DATES = /^(date|datetime|timestamp)\b/;
const NEEDED_MODES = ['NO_ZERO_DATE', 'NO_ZERO_IN_DATE'];

/** Dates that are no days arrive as NULL, or as 1970-01-01 where the column has none. */
async function dates(connection: Connection, tables: readonly Table[]): Promise<readonly Finding[]> {
  const dated = tables.filter(({ columns }) => columns.some(({ type }) => DATES.test(type)));
  if (dated.length === 0) return [];
  const [row = []] = await askTexts(connection, 'SELECT @@global.sql_mode');
  const modes = (row[0] ?? '').split(',');
  if (NEEDED_MODES.every((mode) => modes.includes(mode)) && modes.some((mode) => /^STRICT_/.test(mode))) return [];
  return [
    warningFinding({
      code: 'DEBEZIUM_TYPE',
      subject: 'sql_mode',
      message:
        'the source lets its users write dates that are no days, such as 0000-00-00: Debezium writes NULL or 1970-01-01 instead, ' +
        'which shows only when the tables are compared',
      cure: `SET GLOBAL sql_mode = CONCAT(@@global.sql_mode, ',${NEEDED_MODES.join(',')},STRICT_TRANS_TABLES');`,
    }),
  ];
}

/** The changes of a compressed transaction stand at one place: where a connector began again within it nobody could tell them apart. */
async function compression(connection: Connection): Promise<readonly Finding[]> {
  const [row] = await askTexts(connection, "SHOW GLOBAL VARIABLES LIKE 'binlog_transaction_compression'");
  if (row === undefined || row[1] === 'OFF') return [];
  return [
    errorFinding({
      code: 'DEBEZIUM_COMPRESSED',
      subject: 'binlog_transaction_compression',
      message: 'is ON: when the connector starts again within a transaction, nobody could tell what it left out',
      cure: 'SET PERSIST binlog_transaction_compression = OFF;  -- every session must reconnect, or stream: { via: native }',
    }),
  ];
}
