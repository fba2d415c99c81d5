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
import type { Session } from '../connection.ts';
import { field } from '../row.ts';
import { arrayLiteral } from '../sql.ts';
import { isoText, type JournalSession } from './session.ts';

const ALL: readonly LetterState[] = ['open', 'replayed', 'waived', 'superseded'];

export class PostgresDeadLetterJournal implements DeadLetterJournal {
  readonly #session: JournalSession;

  constructor(session: JournalSession) {
    this.#session = session;
  }

  async list(states: readonly LetterState[] = ALL): Promise<readonly DeadLetter[]> {
    const rows = await this.#session.read(
      `SELECT id, table_id, key, new_key, position, op, sqlstate, "constraint", "column", state, by, reason,
         ${isoText('created_at')} AS created_at, ${isoText('settled_at')} AS settled_at
       FROM migrate.dead_letter WHERE run = $1 AND state = ANY ($2::text[]) ORDER BY migrate.dead_letter.id`,
      [arrayLiteral(states)],
    );
    return rows.map(deadLetter);
  }

  async rows(ids: readonly number[]): Promise<ReadonlyMap<number, Row | null>> {
    const rows = await this.#session.read(
      'SELECT id, payload FROM migrate.dead_letter WHERE run = $1 AND id = ANY ($2::bigint[])',
      [arrayLiteral(ids.map(String))],
    );
    return new Map(rows.map((row) => [Number(row.id), row.payload === null ? null : letterRow(field(row, 'payload'))]));
  }

  waive(ids: readonly number[], by: string, reason: string): Promise<number> {
    return this.#session.write(
      `UPDATE migrate.dead_letter SET state = 'waived', by = $3, reason = $4, settled_at = clock_timestamp()
       WHERE run = $1 AND id = ANY ($2::bigint[]) AND state = 'open'`,
      [arrayLiteral(ids.map(String)), by, reason],
    );
  }
}

/** Within the transaction of the rows, which proves the lease. */
export async function moveLetters(
  session: Session,
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
export async function supersede(session: Session, run: string, tables: readonly TableId[]): Promise<void> {
  await session.prepared(
    'supersede_letters',
    `UPDATE migrate.dead_letter SET state = 'superseded', reason = 'the table was emptied', settled_at = clock_timestamp()
     WHERE run = $1 AND table_id = ANY ($2::text[]) AND state IN ('open', 'waived')`,
    [run, arrayLiteral(tables)],
  );
}

// Numbered in the order given: the ids are the order of the changes of a key.
async function keep(session: Session, run: string, at: Position, letters: readonly NewDeadLetter[]): Promise<void> {
  const rows = letters.map(letterValues);
  const columns = (rows[0] ?? []).map((_, index) => arrayLiteral(rows.map((row) => row[index] ?? null)));
  await session.prepared(
    'keep_letters',
    `INSERT INTO migrate.dead_letter (run, position, table_id, op, key, new_key, payload, sqlstate, "constraint", "column")
     SELECT $1, $2, table_id, op, key::jsonb, new_key::jsonb, payload::jsonb, state, con, col
     FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
       WITH ORDINALITY AS l(table_id, op, key, new_key, payload, state, con, col, n) ORDER BY n`,
    [run, at, ...columns],
  );
}

async function settle(session: Session, run: string, replayed: LetterMoves['replayed']): Promise<void> {
  const settled = await session.prepared(
    'settle_letters',
    `UPDATE migrate.dead_letter AS d SET state = 'replayed', by = s.by, settled_at = clock_timestamp()
     FROM unnest($2::bigint[], $3::text[]) AS s(id, by)
     WHERE d.run = $1 AND d.id = s.id AND d.state IN ('open', 'waived')`,
    [run, arrayLiteral(replayed.map(({ id }) => String(id))), arrayLiteral(replayed.map(({ by }) => by))],
  );
  if (settled.rowCount !== replayed.length) throw new MigrateError('LEASE.LOST', `dead letters of run ${run} changed`);
}
