// A log that the source itself cannot decode. A server was seen to write one by a fault of its own; here its catalog is
// altered under a statement that writes, which comes to the same.

import pg from 'pg';
import { withClient } from './databases.ts';

const LOCK = 7;
const RENUMBER = 'UPDATE pg_class SET relfilenode = (relfilenode::bigint + $2)::oid WHERE oid = $1::regclass';
const WAITS = `SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND objid = ${LOCK} AND NOT granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

/** Makes `update`, which is to wait for `${held}` in each row, log its rows under a number that no catalog knows. */
export async function writeUndecodable(url: string, table: string, update: (held: string) => string): Promise<void> {
  const statement = update(`pg_advisory_xact_lock_shared(${LOCK})`);
  await withClient(url, (writer) =>
    withClient(url, async (other) => {
      // Once before, so that it need not look anything up the second time: that would tell it of the new number.
      await writer.query(statement);
      await other.query(`SET allow_system_table_mods = on; SELECT pg_advisory_lock(${LOCK})`);
      await writer.query('BEGIN');
      const writing = writer.query(statement);
      while ((await other.query({ text: WAITS, rowMode: 'array' })).rows[0]?.[0] !== true);
      await other.query(RENUMBER, [table, 100_000]);
      await other.query(`SELECT pg_advisory_unlock(${LOCK})`);
      await writing;
      await other.query(RENUMBER, [table, -100_000]);
      await writer.query('COMMIT');
    }),
  );
}

const SLOT = 'SELECT slot_name AS slot, active FROM pg_replication_slots WHERE database = current_database()';
const PEEK = `SELECT count(*) FROM pg_logical_slot_peek_binary_changes($1, NULL, NULL,
  'proto_version', '1', 'publication_names', (SELECT string_agg(quote_ident(pubname), ',') FROM pg_publication))`;

/** What the source says when it is asked for its log by hand; undefined when it can decode all of it. */
export async function decodingFault(url: string): Promise<string | undefined> {
  return withClient(url, async (client) => {
    for (;;) {
      const { slot, active } = ((await client.query(SLOT)).rows[0] ?? {}) as { slot?: string; active?: boolean };
      if (slot === undefined) return undefined;
      // Its reader has just ended.
      if (active === true) continue;
      try {
        await client.query(PEEK, [slot]);
        return undefined;
      } catch (error) {
        if (!(error instanceof pg.DatabaseError)) throw error;
        return error.message;
      }
    }
  });
}
