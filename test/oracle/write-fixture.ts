// An Oracle target with a journal and a run in it, and what writes rows there.

import { OracleServer, type OracleSession } from '../../src/databases/oracle/connection.ts';
import { closeNew } from '../../src/databases/oracle/fence/new.ts';
import { OracleJournal } from '../../src/databases/oracle/journal/journal.ts';
import { readCheckpoints } from '../../src/databases/oracle/journal/moves.ts';
import { LEASE_SCHEMA } from '../../src/databases/oracle/lease-proof.ts';
import { type DirectLoading, OracleLoader } from '../../src/databases/oracle/load.ts';
import { ensureTable } from '../../src/databases/oracle/own-tables.ts';
import { preparePass } from '../../src/databases/oracle/pass.ts';
import { execute, sql } from '../../src/databases/oracle/statement.ts';
import { OracleLane } from '../../src/databases/oracle/write/lane.ts';
import type { Position } from '../../src/model/position.ts';
import type { Table } from '../../src/model/table.ts';
import type { OracleServer as StandIn } from '../fleet/oracle.ts';
import { openOracle } from '../fleet/oracle-shared.ts';
import { createTable, hexOf, oracleTable } from './oracle-table.ts';

export const CLAIM = { run: 'writing', epoch: 7 };
export const position = (text: string): Position => text as Position;

export const ID = '01234567';

export class WriteFixture {
  readonly oracle: StandIn;
  readonly server: OracleServer;
  /** Of somebody else than the run. */
  readonly session: OracleSession;
  #made = 0;

  private constructor(oracle: StandIn, server: OracleServer, session: OracleSession) {
    this.oracle = oracle;
    this.server = server;
    this.session = session;
  }

  /** With a journal of a run that has two lanes at `1`. */
  static async open(): Promise<WriteFixture> {
    const oracle = await openOracle();
    const server = new OracleServer('target', oracle.url, CLAIM.run);
    const session = await server.session();
    await ensureTable(session, LEASE_SCHEMA);
    await execute(
      session,
      sql`INSERT INTO "MIGRATE$LEASE" ("RUN", "EPOCH", "HOLDER", "TAKEN_AT") VALUES (${CLAIM.run}, ${CLAIM.epoch}, 'test', LOCALTIMESTAMP)`,
    );
    await session.commit();
    const journal = new OracleJournal(server, CLAIM.run, () => CLAIM);
    await journal.create({
      name: CLAIM.run,
      id: ID,
      planHash: 'plan',
      planFields: {},
      sourceIdentity: 'source',
      targetIdentity: 'target',
      catalog: { tables: [], parents: [], types: [], extensions: [], sequences: [], schemas: [], notCarried: [] },
      fingerprint: 'schema',
      lanes: 2,
    });
    await preparePass(session, CLAIM.run);
    await journal.tables.openLanes(position('1'));
    return new WriteFixture(oracle, server, session);
  }

  lane(conversionOf = hexOf): OracleLane {
    return new OracleLane({ server: this.server, claim: CLAIM, direction: 'forward', conversionOf });
  }

  loader(conversionOf = hexOf, networkTimeoutMs = 30_000, direct?: DirectLoading): OracleLoader {
    const options = { server: this.server, claim: CLAIM, conversionOf, networkTimeoutMs };
    return new OracleLoader(direct === undefined ? options : { ...options, direct });
  }

  /** A table of its own for each test, with rows of SQL literals, and one chunk that is not done yet. */
  async make(columns: readonly string[], key: readonly string[], ...rows: readonly string[]): Promise<Table> {
    const table = oracleTable(`T${this.#made++}`, columns, ...key);
    await this.session.execute(createTable(table));
    for (const row of rows) await this.session.execute(`INSERT INTO "SHOP"."${table.name}" VALUES (${row})`);
    await execute(
      this.session,
      sql`INSERT INTO "MIGRATE$TABLES" ("RUN", "TABLE_ID", "LANE", "SPREAD") VALUES (${CLAIM.run}, ${table.id}, 0, 0)`,
    );
    await execute(
      this.session,
      sql`INSERT INTO "MIGRATE$CHUNK" ("RUN", "TABLE_ID", "ORDINAL") VALUES (${CLAIM.run}, ${table.id}, 0)`,
    );
    await this.session.commit();
    return table;
  }

  /** Committed statements of somebody else. */
  async run(...statements: readonly string[]): Promise<void> {
    for (const statement of statements) await this.session.execute(statement);
    await this.session.commit();
  }

  /** The rows of a query, each as one text. */
  async rows(query: string): Promise<readonly string[]> {
    const read = await this.session.query(query);
    return read.map((row) => row.map((value) => (value === null ? 'NULL' : value.toString())).join('|'));
  }

  all({ name }: Table): Promise<readonly string[]> {
    return this.rows(`SELECT * FROM "SHOP"."${name}" ORDER BY 1`);
  }

  async checkpoints(): Promise<readonly string[]> {
    const read = await this.server.use((session) => readCheckpoints(session, CLAIM, 'forward', false));
    return read.map(({ lane, position: at }) => `${lane} ${at}`);
  }

  /** What is known of the table's chunk. */
  async chunk({ id }: Table): Promise<string> {
    const [row] = await this.rows(`SELECT "AT", "ROWS" FROM "MIGRATE$CHUNK" WHERE "TABLE_ID" = '${id}'`);
    return row ?? '';
  }

  /** Closes tables to everyone but the run, as a target's are from the start. */
  closeFence(...tables: readonly Table[]): Promise<void> {
    return closeNew(this.session, { id: ID, claim: CLAIM }, tables);
  }

  async close(): Promise<void> {
    await this.server.close();
    await this.oracle.close();
  }
}
