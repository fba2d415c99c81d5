// Replays dead letters once the target was corrected. Keys that a change moved a row between belong together: all letters
// of such keys are replayed in their order, in one transaction, or none of them. Only while no lane has a transaction open.

import type { Target } from '../databases/target.ts';
import type { DeadLetter, DeadLetterJournal } from '../journal/dead-letters.ts';
import type { ErrorCode } from '../lib/codes.ts';
import { MigrateError } from '../lib/errors.ts';
import { type Key, keyText, type Row, type RowChange } from '../model/change.ts';
import type { Table } from '../model/table.ts';

/** Which letters; with more than one field all of them must fit. None means every open one. */
export interface LetterSelection {
  readonly ids?: readonly number[] | undefined;
  /** As in the journal: `schema.name`. */
  readonly table?: string | undefined;
}

export interface RetryReport {
  readonly replayed: readonly number[];
  /** Letters that the target refuses still, key by key. */
  readonly refused: readonly { readonly ids: readonly number[]; readonly code: ErrorCode; readonly message: string }[];
}

export interface RetryOptions {
  readonly journal: Pick<DeadLetterJournal, 'list' | 'rows'>;
  readonly target: Pick<Target, 'lane'>;
  readonly tables: readonly Table[];
  /** True when the copy was not read exactly: then whatever is there gives way to the letters. Default false. */
  readonly tolerant?: boolean;
  /** Told of every key before it is written. */
  readonly changed: (table: Table, key: Key) => void;
  /** Who asked. */
  readonly by: string;
}

/** Rejects with USAGE.ARGUMENT when nothing fits the selection. Waived letters of the keys are replayed, too. */
export async function retryLetters(options: RetryOptions, selection: LetterSelection): Promise<RetryReport> {
  const replayed: number[] = [];
  let waiting = selected(groupsOf(await options.journal.list(['open', 'waived'])), selection);
  let refused: RetryReport['refused'] = [];
  // A row may wait for another that holds its place: again, as long as that brings anything.
  for (let before = -1; waiting.length > 0 && before !== replayed.length; ) {
    before = replayed.length;
    const results = await replayAll(options, waiting);
    replayed.push(...results.flatMap(({ group, error }) => (error === undefined ? group.map(({ id }) => id) : [])));
    waiting = results.flatMap(({ group, error }) => (error === undefined ? [] : [group]));
    refused = results.flatMap(({ group, error }) =>
      error === undefined ? [] : [{ ids: group.map(({ id }) => id), code: error.code, message: error.message }],
    );
  }
  return { replayed: replayed.toSorted((one, other) => one - other), refused };
}

/** The letters of one key, or of keys that belong together, in order. */
type Group = readonly DeadLetter[];

interface Replayed {
  readonly group: Group;
  /** Why the target refused it. */
  readonly error: MigrateError | undefined;
}

async function replayAll(options: RetryOptions, groups: readonly Group[]): Promise<readonly Replayed[]> {
  const results: Replayed[] = [];
  for (const group of groups) results.push({ group, error: await replay(options, group) });
  return results;
}

async function replay(options: RetryOptions, group: Group): Promise<MigrateError | undefined> {
  const { journal, tables, changed } = options;
  const rows = await journal.rows(group.map(({ id }) => id));
  const table = tableOf(group, tables);
  for (const { key, newKey } of group) {
    changed(table, key);
    if (newKey !== null) changed(table, newKey);
  }
  const error = await written(options, group, table, rows);
  // A row that is found by all its values may be there more than once.
  if (error === undefined || table.identity === 'row') return error;
  const isPutRight = (await written(options, group, table, lastRows(group, rows))) === undefined;
  return isPutRight ? undefined : error;
}

/** Writes what the letters do with these rows, in one transaction; resolves with why the target refused it. */
async function written(
  { target, tolerant = false, by }: RetryOptions,
  group: Group,
  table: Table,
  rows: ReadonlyMap<number, Row | null>,
): Promise<MigrateError | undefined> {
  const whole = wholeChanges(table, group, rows, tolerant);
  if (whole === undefined) {
    return new MigrateError(
      'SOURCE.REFUSED',
      `${table.id}: a row has a value that the target cannot hold; correct it on the source, and retry once that change has come`,
    );
  }
  const changes = whole.map((change) => {
    const isWhole = table.identity === 'key' && (change.op === 'delete' || !change.row.includes(undefined));
    return tolerant && isWhole ? { ...change, tolerant } : change;
  });
  const lane = await target.lane();
  try {
    await lane.begin();
    await lane.replay(changes, []);
    await lane.commit([], { kept: [], emptied: [], replayed: group.map(({ id }) => ({ id, by })) });
    return undefined;
  } catch (error) {
    const isTheirs = error instanceof MigrateError && ['APPLY.CONSTRAINT', 'APPLY.ROW_MISSING'].includes(error.code);
    if (!isTheirs) throw error;
    return error;
  } finally {
    await lane.close();
  }
}

/** Null for those of which a later letter says what became of the row: none that was refused need ever have been there. */
function lastRows(group: Group, rows: ReadonlyMap<number, Row | null>): ReadonlyMap<number, Row | null> {
  const last = new Map(rows);
  const later = new Set<string>();
  for (const { id, op, key, newKey } of group.toReversed()) {
    if (op !== 'delete' && later.has(keyText(newKey ?? key))) last.set(id, null);
    later.add(keyText(key));
  }
  return last;
}

/** All letters of a group are of one table. */
function tableOf([letter]: Group, tables: readonly Table[]): Table {
  const table = tables.find(({ id }) => id === letter?.table);
  if (table === undefined) throw new MigrateError('USAGE.ARGUMENT', `${letter?.table} is not part of the run`);
  return table;
}

/**
 * What the letters do. A row that is null is one with a value that the target cannot hold, or that need not be written: it is away
 * until a later letter has it whole; undefined where none does.
 */
function wholeChanges(
  table: Table,
  group: Group,
  rows: ReadonlyMap<number, Row | null>,
  tolerant: boolean,
): readonly RowChange[] | undefined {
  const away = new Set<string>();
  const changes: RowChange[] = [];
  for (const { id, op, key, newKey } of group) {
    const wasAway = away.delete(keyText(key));
    const row = rows.get(id) ?? null;
    const isThere = !wasAway && (op !== 'insert' || tolerant);
    if (isThere && (op === 'delete' || row === null)) changes.push({ op: 'delete', table, key });
    if (op === 'delete') continue;
    if (row === null) {
      away.add(keyText(newKey ?? key));
      continue;
    }
    // A column that was added since: the source had NULL in it at that time.
    const full = [...row, ...table.columns.slice(row.length).map(() => null)];
    if (wasAway && full.includes(undefined)) return undefined;
    changes.push(op === 'insert' || wasAway ? { op: 'insert', table, row: full } : { op, table, key, row: full });
  }
  return away.size > 0 ? undefined : changes;
}

/** In the order of their first letters. */
export function groupsOf(letters: readonly DeadLetter[]): readonly Group[] {
  const groups = new Map<string, DeadLetter[]>();
  for (const letter of letters) {
    const names = [letter.key, letter.newKey ?? letter.key].map((key) => `${letter.table}\0${keyText(key)}`);
    const found = [...new Set(names.flatMap((name) => groups.get(name) ?? []))];
    const joined = [...found, letter].sort((one, other) => one.id - other.id);
    for (const each of joined) {
      for (const key of [each.key, each.newKey ?? each.key]) groups.set(`${each.table}\0${keyText(key)}`, joined);
    }
  }
  return [...new Set(groups.values())].sort(([one], [other]) => (one?.id ?? 0) - (other?.id ?? 0));
}

function selected(groups: readonly Group[], { ids, table }: LetterSelection): readonly Group[] {
  const known = new Set(groups.flat().map(({ id }) => id));
  const missing = ids?.filter((id) => !known.has(id)) ?? [];
  if (missing.length > 0)
    throw new MigrateError('USAGE.ARGUMENT', `no dead letter waits with id ${missing.join(', ')}`);
  return groups.filter((group) =>
    group.some((letter) => {
      if (table !== undefined && letter.table !== table) return false;
      return ids === undefined ? letter.state === 'open' : ids.includes(letter.id);
    }),
  );
}
