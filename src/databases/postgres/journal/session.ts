// How the journal is read and written: statements one after another, each write a transaction that first proves the lease.

import { expectFormat } from '../../../journal/records.ts';
import type { LeaseClaim } from '../../lease-store.ts';
import type { PostgresServer, Session, TextRow } from '../connection.ts';
import { KeptSession } from '../kept-session.ts';
import { proveLease } from '../lease-proof.ts';

/** Transactions of one connection must not interleave. */
export class JournalSession {
  readonly #kept: KeptSession;
  readonly #claim: () => LeaseClaim;
  readonly run: string;

  constructor(server: PostgresServer, run: string, claim: () => LeaseClaim) {
    const settings = { lock_timeout: '30s', statement_timeout: '50s' };
    this.#kept = new KeptSession(server, { purpose: 'journal', settings });
    this.run = run;
    this.#claim = claim;
  }

  read(text: string, values: readonly unknown[] = []): Promise<readonly TextRow[]> {
    return this.#kept.use((session) => session.query(text, [this.run, ...values]));
  }

  /** One transaction; `$1` is always the run. Resolves with the rows touched. */
  write(text: string, values: readonly unknown[] = []): Promise<number> {
    return this.writeAll([{ text, values }]);
  }

  /** Several statements in one transaction. */
  writeAll(statements: readonly { readonly text: string; readonly values: readonly unknown[] }[]): Promise<number> {
    return this.transaction(async (session) => {
      let rows = 0;
      for (const { text, values } of statements) rows += await session.execute(text, [this.run, ...values]);
      return rows;
    });
  }

  /** One transaction that proves the lease before anything else. */
  transaction<T>(work: (session: Session, claim: LeaseClaim) => Promise<T>): Promise<T> {
    return this.#kept.use((session) =>
      session.transaction(async () => {
        const claim = this.#claim();
        await proveLease(session, claim);
        return work(session, claim);
      }),
    );
  }

  /** What a process without a lease does: it proves none. */
  unproven<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#kept.use(work);
  }

  /** Whether there is a record of the run. Rejects with RUN.FORMAT when another version wrote it. */
  async hasRun(): Promise<boolean> {
    const [exists] = await this.read(`SELECT to_regclass('migrate.run') IS NOT NULL AS it WHERE $1::text IS NOT NULL`);
    if (exists?.it !== 't') return false;
    const [row] = await this.read('SELECT format FROM migrate.run WHERE name = $1');
    if (row !== undefined) expectFormat(row.format);
    return row !== undefined;
  }

  /** DDL takes no parameters. */
  ddl(text: string): Promise<void> {
    return this.#kept.use(async (session) => {
      await session.run(text, []);
    });
  }

  async close(): Promise<void> {
    await this.#kept.close();
  }
}

/** A moment as ISO 8601; sessions run in UTC. */
export function isoText(expression: string): string {
  return `to_char(${expression}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}
