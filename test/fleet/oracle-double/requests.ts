// What a client of the double asks for: statements with what is bound, and what it says of itself in passing.

import { decodeNumber, type Reader, type Value } from './wire.ts';

const TYPE_NUMBER = 2;
const TYPES_OF_BYTES: ReadonlySet<number> = new Set([23, 24]);
/** Longer values come after all others of their row. */
const LONGEST_IN_PLACE = 32_767;
/** What may follow them in the statement. */
const LONGEST_AFTER = 4_000;
const COMMIT = 0x1_00;
const COMMIT_AGAIN = 1;
const ROW = 7;

interface BindType {
  readonly type: number;
  readonly maxBytes: number;
}

/** A statement that the client keeps open. */
export interface Cursor {
  readonly id: number;
  readonly sql: string;
  binds: readonly BindType[];
  columns: readonly string[];
  /** Of a query, those that were not fetched. */
  rows: (readonly Value[])[];
  fetched: number;
}

export interface Execution {
  readonly cursor: Cursor;
  readonly rows: readonly (readonly Value[])[];
  readonly wantsCounts: boolean;
  readonly commits: boolean;
  /** How many rows of a query come with the answer. */
  readonly fetches: number;
  readonly isNew: boolean;
}

export class Cursors {
  readonly #open = new Map<number, Cursor>();
  readonly #keepsRows: boolean;
  #next = 1;

  /** Without rows a batch of n rows is n empty ones: reading them costs more than taking them. */
  constructor(keepsRows: boolean) {
    this.#keepsRows = keepsRows;
  }

  of(id: number): Cursor {
    const cursor = this.#open.get(id);
    if (cursor === undefined) throw new RangeError(`there is no cursor ${id}`);
    return cursor;
  }

  /** The list of a piggyback. What is cancelled has no more rows, but can be executed again. */
  close(request: Reader, isCancelled: boolean): void {
    request.byte();
    for (let count = request.number(); count > 0; count--) {
      const id = request.number();
      if (isCancelled) this.of(id).rows = [];
      else this.#open.delete(id);
    }
  }

  execution(request: Reader): Execution {
    const options = request.number();
    const id = request.number();
    const isNew = request.byte() === 1;
    request.number();
    request.byte();
    request.number();
    request.skip(3);
    const fetches = request.number();
    request.number();
    request.byte();
    const binds = request.number();
    request.skip(6);
    const defines = request.number();
    request.number();
    request.skip(3);
    request.number();
    request.byte();
    request.numbers(2);
    const wantsCounts = request.byte() === 1;
    request.number();
    request.byte();
    const cursor = isNew ? this.#add(request.text(), id) : this.of(id);
    request.number();
    const times = request.number();
    request.numbers(11);
    bindTypes(request, defines);
    if (binds > 0) cursor.binds = bindTypes(request, binds);
    return {
      cursor,
      rows: this.#rows(request, cursor, binds > 0 ? Math.max(times, 1) : 0),
      wantsCounts,
      commits: (options & COMMIT) !== 0,
      fetches,
      isNew: true,
    };
  }

  /** Of a cursor that is there, with other values. */
  again(request: Reader, isQuery: boolean): Execution {
    const cursor = this.of(request.number());
    const times = request.number();
    request.number();
    const commits = (request.number() & COMMIT_AGAIN) !== 0;
    const rows = this.#rows(request, cursor, cursor.binds.length === 0 ? 0 : isQuery ? 1 : times);
    return {
      cursor,
      rows,
      wantsCounts: false,
      commits,
      fetches: isQuery ? times : 0,
      isNew: false,
    };
  }

  #add(sql: string, id: number): Cursor {
    const cursor = { id: id === 0 ? this.#next++ : id, sql, binds: [], columns: [], rows: [], fetched: 0 };
    this.#open.set(cursor.id, cursor);
    return cursor;
  }

  #rows(request: Reader, { binds }: Cursor, count: number): readonly (readonly Value[])[] {
    if (!this.#keepsRows) return Array.from({ length: count }, () => []);
    return Array.from({ length: count }, () => readRow(request, binds));
  }
}

/** True of an order of binds that Oracle does not take: nothing of some length may stand behind what is longer than a text. */
export function isOutOfOrder({ binds }: Cursor): boolean {
  const first = binds.findIndex(({ maxBytes }) => maxBytes > LONGEST_IN_PLACE);
  const behind = first === -1 ? [] : binds.slice(first);
  return behind.some(({ maxBytes }) => maxBytes > LONGEST_AFTER && maxBytes <= LONGEST_IN_PLACE);
}

function bindTypes(request: Reader, count: number): readonly BindType[] {
  return Array.from({ length: count }, () => {
    const type = request.byte();
    request.skip(3);
    const maxBytes = request.number();
    request.numbers(2);
    if (request.number() > 0) request.bytes();
    request.numbers(2);
    request.byte();
    request.number();
    return { type, maxBytes };
  });
}

function readRow(request: Reader, binds: readonly BindType[]): readonly Value[] {
  if (request.byte() !== ROW) throw new RangeError('a row of values was expected');
  const row: Value[] = binds.map(() => null);
  for (const isLate of [false, true]) {
    for (const [index, { type, maxBytes }] of binds.entries()) {
      if (maxBytes > LONGEST_IN_PLACE === isLate) row[index] = readValue(request, type);
    }
  }
  return row;
}

function readValue(request: Reader, type: number): Value {
  const bytes = request.bytes();
  if (bytes === null) return null;
  if (type === TYPE_NUMBER) return decodeNumber(bytes);
  return TYPES_OF_BYTES.has(type) ? Buffer.from(bytes) : bytes.toString();
}

/** What others see of a session. */
export interface Shown {
  identifier: string;
  module: string;
  action: string;
}

/** What was said by the piggyback that says who the client is. */
export function readShown(request: Reader): Partial<Shown> {
  request.skip(2);
  request.number();
  const isSaid = (): boolean => {
    const isThere = request.byte() === 1;
    return request.number() > 0 && isThere;
  };
  const [identifier, module, action, context] = [isSaid(), isSaid(), isSaid(), isSaid()];
  request.byte();
  request.number();
  const info = isSaid();
  request.byte();
  request.number();
  request.byte();
  request.number();
  const operation = isSaid();
  const shown = {
    ...(identifier ? { identifier: request.text() } : {}),
    ...(module ? { module: request.text() } : {}),
    ...(action ? { action: request.text() } : {}),
  };
  for (const one of [context, info, operation]) if (one) request.text();
  return shown;
}
