// What operators asked for single tables, in table migrate.table_state and in the run's own record.

import { tableStateRecord } from '../../../journal/records.ts';
import type { TableState, TableStateJournal, TableStateRecord, Waiver } from '../../../journal/table-states.ts';
import type { TableId, TableName } from '../../../model/table.ts';
import type { MysqlSession } from '../connection.ts';
import { sql } from '../statement.ts';
import { columns, isoText, type JournalSession, select } from './session.ts';

const STATE = { ...columns('table_id', 'state', 'by', 'reason'), at: isoText('at') };

export class MysqlTableStateJournal implements TableStateJournal {
  readonly #session: JournalSession;

  constructor(session: JournalSession) {
    this.#session = session;
  }

  async list(): Promise<readonly TableStateRecord[]> {
    const rows = await this.#session.read(
      STATE,
      sql`migrate.table_state WHERE run = ${this.#session.run} ORDER BY table_id`,
    );
    return rows.map(tableStateRecord);
  }

  skip(table: TableId, waiver: Pick<Waiver, 'by' | 'reason'>): Promise<void> {
    return this.#set(table, 'skipped', waiver);
  }

  async carry(table: TableId): Promise<void> {
    await this.#session.write(
      sql`DELETE FROM migrate.table_state WHERE run = ${this.#session.run} AND table_id = ${table}`,
    );
  }

  askCopy(table: TableId): Promise<void> {
    return this.#set(table, 'asked', { by: null, reason: null });
  }

  askJoin(table: TableName): Promise<void> {
    return this.#changeJoining((joining) => [...joining, table]);
  }

  withdrawJoin(table: TableName): Promise<void> {
    return this.#changeJoining((joining) => joiningWithout(joining, [table]));
  }

  async #set(
    table: TableId,
    state: TableState,
    { by, reason }: { readonly by: string | null; readonly reason: string | null },
  ): Promise<void> {
    await this.#session.write(
      sql`INSERT INTO migrate.table_state (run, table_id, state, \`by\`, reason)
          VALUES (${this.#session.run}, ${table}, ${state}, ${by}, ${reason})
          ON DUPLICATE KEY UPDATE state = ${state}, \`by\` = ${by}, reason = ${reason}, \`at\` = UTC_TIMESTAMP(6)`,
    );
  }

  #changeJoining(change: (joining: readonly TableName[]) => readonly TableName[]): Promise<void> {
    const { run } = this.#session;
    return this.#session.transaction(async (session) => {
      const joining = JSON.stringify(change(await readNames(session, run, 'joining')));
      await session.execute(sql`UPDATE migrate.run SET joining = ${joining} WHERE name = ${run}`);
    });
  }
}

/** The tables that a run's record lists, locked until the transaction ends. */
export async function readNames(
  session: MysqlSession,
  run: string,
  list: 'added' | 'joining',
): Promise<readonly TableName[]> {
  const [row] = await select(session, columns(list), sql`migrate.run WHERE name = ${run} FOR UPDATE`);
  return JSON.parse(row?.[list] ?? '[]') as readonly TableName[];
}

/** What is left of tables that are to join without those. */
export function joiningWithout(joining: readonly TableName[], names: readonly TableName[]): readonly TableName[] {
  const gone = new Set(names.map(({ id }) => id));
  return joining.filter(({ id }) => !gone.has(id));
}
