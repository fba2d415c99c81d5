// Dead letters in the journal: read and waived here, kept and replayed in the transactions of lanes.

import type {
  DeadLetter,
  DeadLetterJournal,
  LetterMoves,
  LetterState,
  NewDeadLetter,
} from '../../../journal/dead-letters.ts';
import { letterRow, letterValues } from '../../../journal/letter-values.ts';
import { deadLetter } from '../../../journal/records.ts';
import { MigrateError } from '../../../lib/errors.ts';
import { failpoint } from '../../../lib/failpoint.ts';
import type { Row } from '../../../model/change.ts';
import type { Position } from '../../../model/position.ts';
import type { TableId } from '../../../model/table.ts';
import type { OracleSession } from '../connection.ts';
import { ownTable } from '../own-tables.ts';
import { execute, inLists, sql } from '../statement.ts';
import { columns, executeRows, insertRows, isoText, type JournalSession, own } from './session.ts';

const ALL: readonly LetterState[] = ['open', 'replayed', 'waived', 'superseded'];

const LETTER = {
  ...columns('id', 'table_id', 'key', 'new_key', 'position', 'op', 'sqlstate', 'constraint', 'column', 'state'),
  ...columns('by', 'reason'),
  created_at: isoText('created_at'),
  settled_at: isoText('settled_at'),
};

export class OracleDeadLetterJournal implements DeadLetterJournal {
  readonly #session: JournalSession;

  constructor(session: JournalSession) {
    this.#session = session;
  }

  async list(states: readonly LetterState[] = ALL): Promise<readonly DeadLetter[]> {
    const rows = await this.#session.read(
      LETTER,
      sql`${own('DEAD_LETTER')} WHERE "RUN" = ${this.#session.run} AND "STATE" IN ${states} ORDER BY "ID"`,
    );
    return rows.map(deadLetter);
  }

  async rows(ids: readonly number[]): Promise<ReadonlyMap<number, Row | null>> {
    const found = new Map<number, Row | null>();
    for (const piece of inLists(ids)) {
      const rows = await this.#session.read(
        columns('id', 'payload'),
        sql`${own('DEAD_LETTER')} WHERE "RUN" = ${this.#session.run} AND "ID" IN ${piece}`,
      );
      for (const { id, payload } of rows)
        found.set(Number(id), typeof payload === 'string' ? letterRow(payload) : null);
    }
    return found;
  }

  waive(ids: readonly number[], by: string, reason: string): Promise<number> {
    return this.#session.write(
      ...[...inLists(ids)].map(
        (piece) =>
          sql`UPDATE ${own('DEAD_LETTER')}
              SET "STATE" = 'waived', "BY" = ${by}, "REASON" = ${reason}, "SETTLED_AT" = LOCALTIMESTAMP
              WHERE "RUN" = ${this.#session.run} AND "ID" IN ${piece} AND "STATE" = 'open'`,
      ),
    );
  }
}

/** Within the transaction of the rows, which proves the lease. */
export async function moveLetters(
  session: OracleSession,
  run: string,
  at: Position | undefined,
  moves: LetterMoves,
): Promise<void> {
  if (moves.emptied.length > 0) await supersede(session, run, moves.emptied);
  if (moves.kept.length > 0) {
    if (at === undefined) throw new MigrateError('INTERNAL.BUG', 'letters are kept only with a checkpoint');
    await failpoint('dlq.before');
    await keep(session, run, at, moves.kept);
    await failpoint('dlq.after');
  }
  if (moves.replayed.length > 0) await settle(session, run, moves.replayed);
}

/** Within a transaction that proves the lease: nothing is left of these tables that letters could be applied to. */
export async function supersede(session: OracleSession, run: string, tables: readonly TableId[]): Promise<void> {
  for (const piece of inLists(tables)) {
    await execute(
      session,
      sql`UPDATE ${own('DEAD_LETTER')}
          SET "STATE" = 'superseded', "REASON" = 'the table was emptied', "SETTLED_AT" = LOCALTIMESTAMP
          WHERE "RUN" = ${run} AND "TABLE_ID" IN ${piece} AND "STATE" IN ('open', 'waived')`,
    );
  }
}

// Numbered in the order given: the ids are the order of the changes of a key.
async function keep(
  session: OracleSession,
  run: string,
  at: Position,
  letters: readonly NewDeadLetter[],
): Promise<void> {
  const names = ['run', 'position', 'table_id', 'op', 'key', 'new_key', 'payload', 'sqlstate', 'constraint', 'column'];
  const rows = letters.map((letter) => [run, at, ...letterValues(letter)]);
  await insertRows(session, ownTable('DEAD_LETTER'), names, rows);
}

async function settle(session: OracleSession, run: string, replayed: LetterMoves['replayed']): Promise<void> {
  const settled = await executeRows(
    session,
    `UPDATE ${ownTable('DEAD_LETTER')} SET "STATE" = 'replayed', "BY" = :1, "SETTLED_AT" = LOCALTIMESTAMP
     WHERE "RUN" = :2 AND "ID" = :3 AND "STATE" IN ('open', 'waived')`,
    replayed.map(({ id, by }) => [by, run, id]),
  );
  if (settled !== replayed.length) throw new MigrateError('LEASE.LOST', `dead letters of run ${run} changed`);
}
