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
import type { MysqlSession } from '../connection.ts';
import { inPieces, sql, tuple } from '../statement.ts';
import { expectFits } from './packet.ts';
import { columns, isoText, type JournalSession } from './session.ts';

const ALL: readonly LetterState[] = ['open', 'replayed', 'waived', 'superseded'];

const LETTER = {
  ...columns('id', 'table_id', 'key', 'new_key', 'position', 'op', 'sqlstate', 'constraint', 'column', 'state'),
  ...columns('by', 'reason'),
  created_at: isoText('created_at'),
  settled_at: isoText('settled_at'),
};

export class MysqlDeadLetterJournal implements DeadLetterJournal {
  readonly #session: JournalSession;

  constructor(session: JournalSession) {
    this.#session = session;
  }

  async list(states: readonly LetterState[] = ALL): Promise<readonly DeadLetter[]> {
    const rows = await this.#session.read(
      LETTER,
      sql`migrate.dead_letter WHERE run = ${this.#session.run} AND state IN ${states} ORDER BY id`,
    );
    return rows.map(deadLetter);
  }

  async rows(ids: readonly number[]): Promise<ReadonlyMap<number, Row | null>> {
    const rows = await this.#session.read(
      columns('id', 'payload'),
      sql`migrate.dead_letter WHERE run = ${this.#session.run} AND id IN ${ids}`,
    );
    return new Map(
      rows.map(({ id, payload }) => [Number(id), typeof payload === 'string' ? letterRow(payload) : null]),
    );
  }

  waive(ids: readonly number[], by: string, reason: string): Promise<number> {
    return this.#session.write(
      sql`UPDATE migrate.dead_letter
          SET state = 'waived', \`by\` = ${by}, reason = ${reason}, settled_at = UTC_TIMESTAMP(6)
          WHERE run = ${this.#session.run} AND id IN ${ids} AND state = 'open'`,
    );
  }
}

/** Within the transaction of the rows, which proves the lease. */
export async function moveLetters(
  session: MysqlSession,
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
export async function supersede(session: MysqlSession, run: string, tables: readonly TableId[]): Promise<void> {
  await session.execute(
    sql`UPDATE migrate.dead_letter
        SET state = 'superseded', reason = 'the table was emptied', settled_at = UTC_TIMESTAMP(6)
        WHERE run = ${run} AND table_id IN ${tables} AND state IN ('open', 'waived')`,
  );
}

// Numbered in the order given, also over several statements: the ids are the order of the changes of a key.
async function keep(
  session: MysqlSession,
  run: string,
  at: Position,
  letters: readonly NewDeadLetter[],
): Promise<void> {
  const rows = letters.map((letter) => tuple([run, at, ...letterValues(letter)]));
  for (const piece of inPieces(rows)) {
    const statement = `INSERT INTO migrate.dead_letter
      (run, position, table_id, op, \`key\`, new_key, payload, \`sqlstate\`, \`constraint\`, \`column\`) VALUES ${piece}`;
    await session.execute(await expectFits(session, statement));
  }
}

async function settle(session: MysqlSession, run: string, replayed: LetterMoves['replayed']): Promise<void> {
  const idsBy = new Map<string, number[]>();
  for (const { id, by } of replayed) {
    const ids = idsBy.get(by);
    if (ids === undefined) idsBy.set(by, [id]);
    else ids.push(id);
  }
  let settled = 0;
  for (const [by, ids] of idsBy) {
    settled += await session.execute(
      sql`UPDATE migrate.dead_letter SET state = 'replayed', \`by\` = ${by}, settled_at = UTC_TIMESTAMP(6)
          WHERE run = ${run} AND id IN ${ids} AND state IN ('open', 'waived')`,
    );
  }
  if (settled !== replayed.length) throw new MigrateError('LEASE.LOST', `dead letters of run ${run} changed`);
}
