// A target database with a journal and a run in it, and lanes that write there.

import pg from 'pg';
import { readCatalog } from '../../src/databases/postgres/catalog.ts';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { PostgresJournal } from '../../src/databases/postgres/journal/journal.ts';
import { LEASE_SCHEMA } from '../../src/databases/postgres/lease-proof.ts';
import { readCheckpoints } from '../../src/databases/postgres/write/journal-moves.ts';
import { PostgresLane } from '../../src/databases/postgres/write/lane.ts';
import type { Position } from '../../src/model/position.ts';
import type { Table } from '../../src/model/table.ts';
import { openPair, type Pair } from '../fleet/databases.ts';

export const RUN = 'orders';
export const EPOCH = 7;
export const position = (text: string): Position => text as Position;

export class LaneFixture {
  readonly pair: Pair;
  readonly db: pg.Client;
  readonly server: PostgresServer;

  constructor(pair: Pair, db: pg.Client) {
    this.pair = pair;
    this.db = db;
    this.server = new PostgresServer('target', pair.targetUrl, RUN);
  }

  lane(): PostgresLane {
    return new PostgresLane({ server: this.server, claim: { run: RUN, epoch: EPOCH }, direction: 'forward' });
  }

  async checkpoints(): Promise<readonly string[]> {
    const read = await this.server.with('checkpoints', (session) => readCheckpoints(session, { run: RUN }, 'forward'));
    return read.map(({ lane, position: at }) => `${lane} ${at}`);
  }

  /** The tables of schema public, by name. */
  async tables(): Promise<ReadonlyMap<string, Table>> {
    const selection = { include: ['public.*'], exclude: [] };
    const { tables } = await this.server.with('catalog', (session) => readCatalog(session, selection));
    return new Map(tables.map(({ table }) => [table.name, table]));
  }

  async table(name: string): Promise<Table> {
    const table = (await this.tables()).get(name);
    if (table === undefined) throw new Error(`no table ${name}`);
    return table;
  }

  /** Rows as one text each. */
  async rows(table: string): Promise<readonly string[]> {
    const { rows } = await this.db.query(`SELECT t::text AS row FROM ${table} t ORDER BY 1`);
    return rows.map(({ row }: { row: string }) => row);
  }

  async close(): Promise<void> {
    await this.server.close();
    await this.db.end();
    await this.pair.close();
  }
}

/** Two lanes, both at 0/1. */
export async function openLaneFixture(): Promise<LaneFixture> {
  const pair = await openPair();
  const db = new pg.Client({ connectionString: pair.targetUrl });
  db.on('error', () => undefined);
  await db.connect();
  await db.query(LEASE_SCHEMA);
  await db.query('INSERT INTO migrate.lease (run, epoch, holder) VALUES ($1, $2, $3)', [RUN, EPOCH, 'test']);
  const server = new PostgresServer('target', pair.targetUrl, RUN);
  const journal = new PostgresJournal(server, RUN, () => ({ run: RUN, epoch: EPOCH }));
  await journal.create({
    name: RUN,
    id: '01234567',
    planHash: '',
    planFields: {},
    sourceIdentity: '',
    targetIdentity: '',
    catalog: { tables: [], parents: [], types: [], extensions: [], sequences: [], schemas: [], notCarried: [] },
    fingerprint: '',
    lanes: 2,
  });
  await journal.tables.openLanes(position('0/1'));
  await server.close();
  return new LaneFixture(pair, db);
}
