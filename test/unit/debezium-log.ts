// A made-up log and the messages that a connector writes of it, in the manner of MySQL (places grow) and of PostgreSQL (places of
// changes do not grow with the commits), for tests.

import type { Change } from '../../src/model/change.ts';
import type { Position } from '../../src/model/position.ts';
import { type Table, tableId } from '../../src/model/table.ts';
import type { Dialect } from '../../src/stream/kafka/dialect.ts';
import { jsonText } from '../../src/stream/kafka/json.ts';

export const UNAVAILABLE = '__left_out__';
export const MANNERS = ['mysql', 'postgres'] as const;
export type Manner = (typeof MANNERS)[number];

const column = (name: string, type: string) => ({ name, type, castType: type });

export const shop: Table = {
  id: tableId('shop', 'orders'),
  schema: 'shop',
  name: 'orders',
  columns: [column('id', 'int'), column('note', 'text')],
  key: [0],
  identity: 'key',
  spread: true,
  rowEstimate: 0,
  byteEstimate: 0,
};
export const lines: Table = { ...shop, id: tableId('shop', 'lines'), name: 'lines', key: [0, 1], identity: 'row' };

const placed = (position: number | string) => ({ position: String(position) as Position });

/** Positions are numbers: where the last change of a transaction stands (MySQL), or the end of its commit record. */
export function dialectOf(manner: Manner, more: Partial<Dialect> = {}): Dialect {
  const isMysql = manner === 'mysql';
  return {
    schemaMember: isMysql ? 'db' : 'schema',
    readerOf: () => (bytes, start, end) => {
      const text = jsonText(bytes, start, end);
      return text === UNAVAILABLE ? undefined : text;
    },
    placeOf: (source) => placed((isMysql ? source.text('pos') : source.text('sequence')) ?? ''),
    placeAt: placed,
    ...(isMysql ? { within: (source) => 8 * Number(source.text('pos')) + Number(source.text('row')) } : {}),
    isAfter: (place, end) =>
      isMysql ? Number(place.position) > Number(end.position) : Number(place.position) >= Number(end.position),
    transactionOf: (id) => (isMysql ? id : id.slice(0, id.indexOf(':'))),
    endTells: !isMysql,
    beginsUntold: !isMysql,
    endOf: (id, last) => (isMysql || id === undefined ? last() : placed(id.slice(id.indexOf(':') + 1))),
    endsAt: (id, position) => isMysql || id.endsWith(`:${position}`),
    markerOf: (message) =>
      message.text('op') === 'm' ? (message.object('message')?.text('content') ?? '') : undefined,
    foreign: () => undefined,
    defined: () => undefined,
    covers: (checkpoint, at) => Number(checkpoint) >= Number(at),
    distance: (from, to) => Math.max(0, Number(to) - Number(from)),
    ...more,
  };
}

export interface Written {
  readonly value: Buffer | null;
  readonly key?: Buffer;
  readonly headers: Readonly<Record<string, Buffer>>;
}

export type Step = 'insert' | 'update' | 'delete' | 'move' | 'partial move' | 'truncate' | 'marker';

/** A transaction of the log; `alone`: a TRUNCATE of MySQL or a definition, which comes without BEGIN and END. */
export interface Committed {
  readonly messages: readonly Written[];
  readonly changes: readonly Change[];
  readonly end: number;
}

const json = (value: object, ...headers: string[]): Written => ({
  value: Buffer.from(JSON.stringify(value)),
  headers: Object.fromEntries(headers.map((name) => [name, Buffer.from('{}')])),
});

export const heartbeat = json({ ts_ms: 1795288759392 });
export const tombstone: Written = { value: null, headers: {} };
export const firstSchema = json({
  source: { snapshot: 'true', db: 'shop', table: 'orders', pos: 0 },
  ddl: 'DROP TABLE orders',
  databaseName: 'shop',
});

/** Writes transactions one after another; each step is a change (two messages when a key moves). */
export class LogWriter {
  readonly #manner: Manner;
  #number = 0;
  #place = 100;
  #ended = 0;

  constructor(manner: Manner) {
    this.#manner = manner;
  }

  transaction(steps: readonly Step[]): Committed {
    const number = ++this.#number;
    const before = this.#ended;
    let [order, rows] = [0, 0];
    const change = (op: string, more: object, ...headers: string[]): Written => {
      order++;
      // Rows of one statement stand at one place, and both halves of a change of key are one row.
      if (!headers.includes('__debezium.oldkey') && rows++ % 3 === 0) this.#place += 10;
      const id = this.#id(number);
      return json(
        {
          before: null,
          after: null,
          ...more,
          source: {
            snapshot: 'false',
            db: 'shop',
            schema: 'shop',
            table: 'orders',
            pos: this.#place,
            row: (rows - 1) % 3,
            sequence: before,
          },
          transaction: { id, total_order: order, data_collection_order: order },
          op,
        },
        ...headers,
      );
    };
    const written = steps.map((step, index) => ({ step, ...made(step, number * 1000 + index, change) }));
    const messages = written.flatMap((one) => one.messages);
    this.#place += 10;
    this.#ended = this.#manner === 'mysql' ? this.#place - 10 : this.#place;
    const [id, count] = [this.#id(number), messages.length];
    const status = (text: string, changes: number | null) => json({ status: text, id, event_count: changes });
    return {
      messages:
        this.#manner === 'mysql'
          ? [status('BEGIN', null), ...messages, status('END', count)]
          : [...messages, { ...json({ event_count: count }), key: Buffer.from(JSON.stringify({ id })) }],
      changes: written.flatMap((one) => one.changes),
      end: this.#ended,
    };
  }

  /** What comes without a transaction. */
  single(kind: 'truncate' | 'definition'): Committed {
    this.#place += 10;
    this.#ended = this.#place;
    const source = { snapshot: 'false', db: 'shop', table: 'orders', pos: this.#place };
    const isTruncate = kind === 'truncate';
    return {
      messages: [
        isTruncate
          ? json({ before: null, after: null, source, transaction: null, op: 't' })
          : json({ source, databaseName: 'shop', ddl: 'CREATE TABLE other (i int)' }),
      ],
      changes: isTruncate ? [{ op: 'truncate', tables: [shop] }] : [],
      end: this.#ended,
    };
  }

  #id(number: number): string {
    return this.#manner === 'mysql' ? String(number) : `${number}:${this.#place}`;
  }
}

/**
 * What a connector sends that begins again with the message of that number. MySQL's tells the begin of the transaction once more,
 * and numbers from 1 what is left of it. PostgreSQL's knows where the last transaction ended only from what it kept, which is older
 * than what it had sent.
 */
export function sentAgain(messages: readonly Written[], from: number, manner: Manner): readonly Written[] {
  const values = messages.map(({ value }) => JSON.parse(value?.toString() ?? '{}') as Loose);
  const begin = values.findLastIndex(({ status }, index) => status === 'BEGIN' && index < from);
  const end = values.findIndex(({ status }, index) => status === 'END' && index > begin);
  if (manner === 'postgres') return forgetful(messages.slice(from));
  if (begin < 0 || end < from) return messages.slice(from);
  // Never between the two halves of a change of key.
  const first = '__debezium.oldkey' in (messages[from]?.headers ?? {}) ? from - 1 : from;
  const before = first - begin - 1;
  const renumbered = messages.slice(first, end + 1).map(({ headers }, index) => {
    const { transaction, event_count: count, ...rest } = values[first + index] ?? {};
    const value =
      transaction === undefined
        ? { ...rest, event_count: Number(count) - before }
        : { ...rest, transaction: { ...transaction, total_order: Number(transaction.total_order) - before } };
    return { headers, value: Buffer.from(JSON.stringify(value)) };
  });
  return [messages[begin] ?? tombstone, ...renumbered, ...messages.slice(end + 1)];
}

function forgetful(messages: readonly Written[]): readonly Written[] {
  const end = messages.findIndex(({ key }) => key !== undefined);
  return messages.map((written, index) => {
    const old = written.value?.toString().replace(/"sequence":\d+/, '"sequence":0') ?? '';
    return index < end ? { ...written, value: Buffer.from(old) } : written;
  });
}

interface Loose {
  readonly status?: string;
  readonly event_count?: number;
  readonly transaction?: { readonly total_order: number };
}

function made(
  step: Step,
  id: number,
  change: (op: string, more: object, ...headers: string[]) => Written,
): { readonly messages: readonly Written[]; readonly changes: readonly Change[] } {
  const table = shop;
  const [key, moved] = [[String(id)], String(id + 500)];
  const row = { id, note: `note "${id}"` };
  const values = [String(id), row.note];
  switch (step) {
    case 'insert':
      return { messages: [change('c', { after: row })], changes: [{ op: 'insert', table, row: values }] };
    case 'update':
      return { messages: [change('u', { after: row })], changes: [{ op: 'update', table, key, row: values }] };
    case 'delete':
      return { messages: [change('d', { before: row })], changes: [{ op: 'delete', table, key }] };
    case 'move':
    case 'partial move': {
      const isWhole = step === 'move';
      const after = { id: id + 500, note: isWhole ? row.note : UNAVAILABLE };
      return {
        messages: [change('d', { before: row }, '__debezium.newkey'), change('c', { after }, '__debezium.oldkey')],
        changes: isWhole
          ? [
              { op: 'delete', table, key },
              { op: 'insert', table, row: [moved, row.note] },
            ]
          : [{ op: 'update', table, key, row: [moved, undefined] }],
      };
    }
    case 'truncate':
      return { messages: [change('t', {})], changes: [{ op: 'truncate', tables: [table] }] };
    case 'marker':
      return {
        messages: [change('m', { message: { content: `m${id}` } })],
        changes: [{ op: 'marker', content: `m${id}` }],
      };
  }
}
