// How fast rows arrive in the stand-in for Oracle, against the least that the driver can do: a loop of executeMany with rows that are
// ready, in batches of the same size, over as many sessions. It says what the program adds, not how fast an Oracle is.
// Run: npx tsx bench/oracle-stand-in.ts [rows] [rounds]. Needs what the tests of Oracle need.

import { OracleServer, type OracleSession } from '../src/databases/oracle/connection.ts';
import { OracleJournal } from '../src/databases/oracle/journal/journal.ts';
import { LEASE_SCHEMA } from '../src/databases/oracle/lease-proof.ts';
import { ensureTable } from '../src/databases/oracle/own-tables.ts';
import { preparePass } from '../src/databases/oracle/pass.ts';
import { execute, sql } from '../src/databases/oracle/statement.ts';
import type { Position } from '../src/model/position.ts';
import { startGround, startOracle } from '../test/fleet/oracle.ts';
import { createTable } from '../test/oracle/oracle-table.ts';
import { apply, bareInserts, bareUpdates, blocks, CLAIM, copy, TABLE, update } from './lib/oracle-rows.ts';
import { median, report, seconds, thousands } from './lib/results.ts';

const ROWS = Number(process.argv[2] ?? 60_000);
const ROUNDS = Number(process.argv[3] ?? 5);
const CHUNK_ROWS = 20_000;
const CHUNKS = Array.from({ length: ROWS / CHUNK_ROWS }, (_, ordinal) => blocks(ordinal * CHUNK_ROWS, CHUNK_ROWS));

/** How many changes were applied: where the checkpoint stands. */
let applied = 0;

async function prepare(session: OracleSession, server: OracleServer): Promise<void> {
  await ensureTable(session, LEASE_SCHEMA);
  const { run, epoch } = CLAIM;
  await session.transaction(() =>
    execute(
      session,
      sql`INSERT INTO "MIGRATE$LEASE" ("RUN", "EPOCH", "HOLDER", "TAKEN_AT") VALUES (${run}, ${epoch}, 'bench', LOCALTIMESTAMP)`,
    ),
  );
  const journal = new OracleJournal(server, run, () => CLAIM);
  await journal.create({
    ...{ name: run, id: '01234567', planHash: 'plan', planFields: {}, sourceIdentity: 's', targetIdentity: 't' },
    catalog: { tables: [], parents: [], types: [], extensions: [], sequences: [], schemas: [], notCarried: [] },
    ...{ fingerprint: 'f', lanes: 1 },
  });
  await preparePass(session, run);
  await journal.tables.openLanes('0' as Position);
  await session.execute(createTable(TABLE));
  await session.transaction(() =>
    execute(
      session,
      sql`INSERT INTO "MIGRATE$TABLES" ("RUN", "TABLE_ID", "LANE", "SPREAD") VALUES (${run}, ${TABLE.id}, 0, 1)`,
    ),
  );
}

async function empty(session: OracleSession): Promise<void> {
  await session.execute('TRUNCATE TABLE "SHOP"."ORDERS"');
  await session.execute('TRUNCATE TABLE "MIGRATE$CHUNK"');
  await session.transaction(async () => {
    for (const ordinal of CHUNKS.keys()) {
      await execute(
        session,
        sql`INSERT INTO "MIGRATE$CHUNK" ("RUN", "TABLE_ID", "ORDINAL") VALUES (${CLAIM.run}, ${TABLE.id}, ${ordinal})`,
      );
    }
  });
}

async function filled(session: OracleSession): Promise<void> {
  const [[count] = []] = await session.query('SELECT COUNT(*) FROM "SHOP"."ORDERS"');
  if (Number(count) !== ROWS) throw new Error(`${count} of ${ROWS} rows arrived`);
}

const ground = await startGround();
const oracle = await startOracle(ground);
const server = new OracleServer('target', oracle.url, CLAIM.run);
try {
  const session = await server.session();
  await prepare(session, server);
  const copied = (): Promise<void> =>
    copy(server, { rows: ROWS, chunkRows: CHUNK_ROWS, readers: 1, chunk: (ordinal) => CHUNKS[ordinal] ?? [] });
  const changed = async (): Promise<void> => {
    await apply(server, { changes: ROWS, change: update, lanes: 1, from: applied });
    applied += ROWS;
  };
  const rows: string[][] = [];
  for (const [name, bare, ours, before] of [
    ['copy', () => bareInserts(server, ROWS), copied, () => empty(session)],
    ['updates', () => bareUpdates(server, ROWS), changed, async () => undefined],
  ] as const) {
    const took: { readonly bare: number; readonly ours: number }[] = [];
    // The first round warms both and is not counted.
    for (let round = 0; round <= ROUNDS; round++) {
      await before();
      const least = await seconds(bare);
      await filled(session);
      await before();
      const program = await seconds(ours);
      await filled(session);
      if (round > 0) took.push({ bare: least, ours: program });
    }
    const rate = (of: 'bare' | 'ours'): string => `${thousands(ROWS / median(took.map((each) => each[of])))} rows/s`;
    const ratios = took.map((each) => each.bare / each.ours).toSorted((one, other) => one - other);
    const spread = `${ratios[0]?.toFixed(2)}–${ratios.at(-1)?.toFixed(2)}`;
    rows.push([name, rate('bare'), rate('ours'), median(ratios).toFixed(2), spread]);
  }
  await report({
    title: `Writing ${thousands(ROWS)} rows of some 180 bytes to the stand-in for Oracle, median of ${ROUNDS}`,
    header: ['path', 'bare loop of executeMany', 'migrate', 'ratio', 'from–to'],
    rows,
  });
} finally {
  await server.close();
  await oracle.close();
  await ground.close();
}
