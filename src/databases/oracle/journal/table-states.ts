// What operators asked for single tables, in a table of its own and in the run's own record.

import { tableStateRecord } from '../../../journal/records.ts';
import type { TableState, TableStateJournal, TableStateRecord, Waiver } from '../../../journal/table-states.ts';
import type { TableId, TableName } from '../../../model/table.ts';
import type { OracleSession } from '../connection.ts';
import { execute, sql } from '../statement.ts';
import { columns, isoText, type JournalSession, own, select } from './session.ts';

const STATE = { ...columns('table_id', 'state', 'by', 'reason'), at: isoText('at') };

export class OracleTableStateJournal implements TableStateJournal {
  readonly #session: JournalSession;

  constructor(session: JournalSession) {
    this.#session = session;
  }

  async list(): Promise<readonly TableStateRecord[]> {
    const rows = await this.#session.read(
      STATE,
      sql`${own('TABLE_STATE')} WHERE "RUN" = ${this.#session.run} ORDER BY "TABLE_ID"`,
    );
    return rows.map(tableStateRecord);
  }

  skip(table: TableId, waiver: Pick<Waiver, 'by' | 'reason'>): Promise<void> {
    return this.#set(table, 'skipped', waiver);
  }

  async carry(table: TableId): Promise<void> {
    await this.#session.write(
      sql`DELETE FROM ${own('TABLE_STATE')} WHERE "RUN" = ${this.#session.run} AND "TABLE_ID" = ${table}`,
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

  #set(
    table: TableId,
    state: TableState,
    { by, reason }: { readonly by: string | null; readonly reason: string | null },
  ): Promise<void> {
    return this.#session.transaction(async (session, { run }) => {
      const found = await execute(
        session,
        sql`UPDATE ${own('TABLE_STATE')} SET "STATE" = ${state}, "BY" = ${by}, "REASON" = ${reason}, "AT" = LOCALTIMESTAMP
            WHERE "RUN" = ${run} AND "TABLE_ID" = ${table}`,
      );
      if (found === 1) return;
      await execute(
        session,
        sql`INSERT INTO ${own('TABLE_STATE')} ("RUN", "TABLE_ID", "STATE", "BY", "REASON")
            VALUES (${run}, ${table}, ${state}, ${by}, ${reason})`,
      );
    });
  }

  #changeJoining(change: (joining: readonly TableName[]) => readonly TableName[]): Promise<void> {
    return this.#session.transaction(async (session, { run }) => {
      const joining = JSON.stringify(change(await readNames(session, run, 'joining')));
      await execute(session, sql`UPDATE ${own('RUN')} SET "JOINING" = ${joining} WHERE "NAME" = ${run}`);
    });
  }
}

/** The tables that a run's record lists, locked until the transaction ends. */
export async function readNames(
  session: OracleSession,
  run: string,
  list: 'added' | 'joining',
): Promise<readonly TableName[]> {
  const [row] = await select(session, columns(list), sql`${own('RUN')} WHERE "NAME" = ${run} FOR UPDATE`);
  return JSON.parse(row?.[list] ?? '[]') as readonly TableName[];
}

/** What is left of tables that are to join without those. */
export function joiningWithout(joining: readonly TableName[], names: readonly TableName[]): readonly TableName[] {
  const gone = new Set(names.map(({ id }) => id));
  return joining.filter(({ id }) => !gone.has(id));
}
