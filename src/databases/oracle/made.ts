// What the run has made on the target, or was about to make. Each statement that makes something commits by itself, so the intent is
// recorded before it: what is there and recorded is the run's, what is there and not recorded is somebody else's. Which tables were
// made without the fence is recorded as well.

import type { LeaseClaim } from '../lease-store.ts';
import type { OracleSession, ValueRow } from './connection.ts';
import { oraCode } from './errors.ts';
import { proveLease } from './lease-proof.ts';
import { ensureTable, ownTable } from './own-tables.ts';
import { type Named, text } from './schema-state.ts';
import { execute, query, raw, type Statement, sql } from './statement.ts';

/** In the account's own schema. */
const MADE_SCHEMA = `CREATE TABLE ${ownTable('MADE')} (
  "RUN" VARCHAR2(200 CHAR) NOT NULL,
  "KIND" VARCHAR2(20) NOT NULL,
  "OWNER" VARCHAR2(128) NOT NULL,
  "NAME" VARCHAR2(128) NOT NULL,
  CONSTRAINT ${ownTable('MADE_PK')} PRIMARY KEY ("RUN", "KIND", "OWNER", "NAME")
)`;
const MADE = raw(ownTable('MADE'));

/** What is open is a table, from before its first row until its rows were counted behind the fence. */
export type MadeKind = 'TABLE' | 'SEQUENCE' | 'OPEN';

const NO_TABLE = 942;

export class Made {
  readonly #session: OracleSession;
  readonly #claim: LeaseClaim;
  readonly #there: Set<string>;

  private constructor(session: OracleSession, claim: LeaseClaim, there: Set<string>) {
    this.#session = session;
    this.#claim = claim;
    this.#there = there;
  }

  /** `prepare`: makes the place of the records, which `record` needs. */
  static async read(session: OracleSession, claim: LeaseClaim, prepare: boolean): Promise<Made> {
    if (prepare) await ensureTable(session, MADE_SCHEMA);
    const rows = await query(
      session,
      sql`SELECT "KIND", "OWNER", "NAME" FROM ${MADE} WHERE "RUN" = ${claim.run}`,
    ).catch((error: unknown): readonly ValueRow[] => {
      if (oraCode(error) !== NO_TABLE) throw error;
      return [];
    });
    const there = rows.map(([kind, schema, name]) => placeOf(text(kind), { schema: text(schema), name: text(name) }));
    return new Made(session, claim, new Set(there));
  }

  has(kind: MadeKind, thing: Named): boolean {
    return this.#there.has(placeOf(kind, thing));
  }

  /** Before the thing is made. */
  async record(kind: MadeKind, thing: Named): Promise<void> {
    if (this.has(kind, thing)) return;
    await this.#write(
      sql`INSERT INTO ${MADE} ("RUN", "KIND", "OWNER", "NAME")
          VALUES (${this.#claim.run}, ${kind}, ${thing.schema}, ${thing.name})`,
    );
    this.#there.add(placeOf(kind, thing));
  }

  /** After it was dropped, or when it turned out to be somebody else's. */
  async forget(kind: MadeKind, thing: Named): Promise<void> {
    if (!this.has(kind, thing)) return;
    await this.#write(
      sql`DELETE FROM ${MADE} WHERE "RUN" = ${this.#claim.run} AND "KIND" = ${kind}
          AND "OWNER" = ${thing.schema} AND "NAME" = ${thing.name}`,
    );
    this.#there.delete(placeOf(kind, thing));
  }

  /** Everything of a kind that is recorded. */
  all(kind: MadeKind): readonly Named[] {
    return [...this.#there].flatMap((place) => {
      const [own = '', schema = '', name = ''] = JSON.parse(place) as readonly string[];
      return own === kind ? [{ schema, name }] : [];
    });
  }

  #write(statement: Statement): Promise<void> {
    return this.#session.transaction(async () => {
      await proveLease(this.#session, this.#claim);
      await execute(this.#session, statement);
    });
  }
}

function placeOf(kind: string, { schema, name }: Named): string {
  return JSON.stringify([kind, schema, name]);
}
