// How Debezium's connector for PostgreSQL is set up to write the log as it is.

import type { Position } from '../../../model/position.ts';
import { parseLsn } from '../log/lsn.ts';
import { MARKER_PREFIX } from '../log/pgoutput.ts';
import { clientConfig } from '../url.ts';

export const POSTGRES_CONNECTOR = 'io.debezium.connector.postgresql.PostgresConnector';

export interface PostgresReading {
  readonly slot: string;
  readonly publication: string;
}

/**
 * Keeps what tells of the begin of a transaction out of the topic. A connector that had got to just there, and is started again,
 * takes a row of that transaction for the last thing it has sent when the row stands where the commit before ends in the log: it
 * leaves that row out, and all before it. What is dropped is never where a connector has got to. What tells of the end loses all but
 * its count of changes on the way; the key has the transaction's id.
 */
const WITHOUT_BEGINS: Readonly<Record<string, string>> = {
  predicates: 'ofTransactions,empty',
  'predicates.ofTransactions.type': 'org.apache.kafka.connect.transforms.predicates.TopicNameMatches',
  // A table's topic has two dots.
  'predicates.ofTransactions.pattern': '[^.]+\\.transaction',
  'predicates.empty.type': 'org.apache.kafka.connect.transforms.predicates.RecordIsTombstone',
  transforms: 'count,begins,ends,route',
  'transforms.count.type': 'org.apache.kafka.connect.transforms.ExtractField$Value',
  'transforms.count.field': 'event_count',
  'transforms.count.predicate': 'ofTransactions',
  'transforms.begins.type': 'org.apache.kafka.connect.transforms.Filter',
  'transforms.begins.predicate': 'empty',
  'transforms.ends.type': 'org.apache.kafka.connect.transforms.HoistField$Value',
  'transforms.ends.field': 'event_count',
  'transforms.ends.predicate': 'ofTransactions',
};

/** Which tables there are is the publication's to say: a filter by name would silently leave out one that is renamed. */
export function postgresConfig({ slot, publication }: PostgresReading): Readonly<Record<string, string>> {
  return {
    'plugin.name': 'pgoutput',
    'slot.name': slot,
    'slot.drop.on.stop': 'false',
    'publication.name': publication,
    'publication.autocreate.mode': 'disabled',
    'snapshot.mode': 'no_data',
    'message.prefix.include.list': MARKER_PREFIX,
    'interval.handling.mode': 'string',
    'include.unknown.datatypes': 'true',
    'hstore.handling.mode': 'json',
    // As texts of base64 it would write NULL for bytes that the log left out.
    'binary.handling.mode': 'bytes',
    // What does not depend on the server's or the role's defaults is read the same everywhere.
    'driver.options':
      '-c DateStyle=ISO,YMD -c IntervalStyle=postgres -c TimeZone=UTC -c extra_float_digits=3 -c bytea_output=hex ' +
      '-c search_path=pg_catalog -c xmloption=content',
    'status.update.interval.ms': '1000',
    ...WITHOUT_BEGINS,
  };
}

/** The connector's own words for a position of the log that ends a transaction. */
export function postgresOffset(position: Position): Readonly<Record<string, string | number>> {
  // Numbers beyond 2^53 would lose digits on their way: logs do not get there.
  const lsn = Number(parseLsn(position));
  return { lsn, lsn_proc: lsn, lsn_commit: lsn, messageType: 'COMMIT', ts_usec: 0 };
}

/** Where the connector finds the source: as the url says, its TLS included. A file of authorities lies elsewhere for it. */
export function postgresAccess(url: string): Readonly<Record<string, string>> {
  const { host, port, user, password, database, ssl } = clientConfig('source', url);
  const mode = new URL(url).searchParams.get('sslmode') ?? (ssl === false ? 'disable' : 'verify-full');
  return {
    'database.hostname': host ?? '',
    'database.port': String(port),
    'database.user': user ?? '',
    'database.password': typeof password === 'string' ? password : '',
    'database.dbname': database ?? '',
    'database.sslmode': mode,
  };
}
