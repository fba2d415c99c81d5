// A message of Debezium, with its schema or without: what kind it is, where it stands, and the change that it tells of.

import { MigrateError } from '../../lib/errors.ts';
import type { Change, LoggedValue, Truncate } from '../../model/change.ts';
import type { Dialect, LogPlace } from './dialect.ts';
import { isNull, JsonMembers } from './json.ts';
import { KnownSchemas } from './known-schemas.ts';
import { type CapturedTable, RowReader } from './rows.ts';

/** `nothing`: heartbeats, tombstones, and what a connector says of the schema when it begins. */
export type MessageKind = 'begin' | 'end' | 'change' | 'definition' | 'nothing';

/** The source block of a message, and the id of its transaction. */
export interface Origin {
  readonly value: Buffer;
  readonly start: number;
  readonly end: number;
  readonly id: string | undefined;
}

const NONE: Buffer = Buffer.alloc(0);
const CREATED = 0x63; // c
const UPDATED = 0x75; // u
const DELETED = 0x64; // d
const TRUNCATED = 0x74; // t
const LOGICAL_MESSAGE = 0x6d; // m

export class Message {
  readonly #dialect: Dialect;
  readonly #tables = new Map<string, CapturedTable>();
  /** By schema and name. */
  readonly #readers = new Map<string, RowReader>();
  /** Of many messages in a row the table is the same: as it is written in them. */
  #last: { readonly schema: Buffer; readonly name: Buffer; readonly reader: RowReader | undefined } = {
    schema: NONE,
    name: NONE,
    reader: undefined,
  };
  readonly #payload = new JsonMembers();
  readonly #source = new JsonMembers();
  readonly #transaction = new JsonMembers();
  readonly #inner = [
    { name: Buffer.from('source'), members: this.#source },
    { name: Buffer.from('transaction'), members: this.#transaction },
  ];
  readonly #earlier = new JsonMembers();
  readonly #schemas = new KnownSchemas();
  #value = NONE;
  #bytes = 0;
  #op = 0;
  #id: string | undefined;
  #number: string | undefined;
  /** The last one: of many messages in a row it is the same. */
  #known = { id: '', number: '' };

  constructor(dialect: Dialect, tables: readonly CapturedTable[]) {
    this.#dialect = dialect;
    for (const one of tables) this.#tables.set(nameKey(one.table.schema, one.table.name), one);
  }

  /**
   * Everything else is about the message that was read last. `key`: the record's, which has the transaction's id where the message
   * of an end has only its count. Throws JsonError, and STREAM.UNKNOWN for what it does not know.
   */
  read(value: Buffer | null, key: Buffer | null = null): MessageKind {
    if (value === null) return 'nothing';
    this.#value = value;
    const payload = this.#payload;
    if (!this.#layPayload(value)) return 'nothing';
    const op = payload.find('op');
    if (op >= 0) return this.#readChange(op);
    const status = payload.find('status');
    const isBegin = payload.isText(status, 'BEGIN');
    if (isBegin || payload.isText(status, 'END')) {
      this.#identify(payload);
      return isBegin ? 'begin' : 'end';
    }
    if (payload.find('ddl') >= 0) return this.#readDefinition();
    if (key !== null && payload.count === 1 && payload.find('event_count') === 0) {
      this.#identify(this.#membersOf(key));
      return 'end';
    }
    if (payload.count === 1 && payload.find('ts_ms') === 0) return 'nothing';
    throw new MigrateError(
      'STREAM.UNKNOWN',
      'the topic holds a message that is none of Debezium, or of a kind not known',
    );
  }

  /** Of its transaction; undefined for what comes without one. */
  get id(): string | undefined {
    return this.#id;
  }

  /** The transaction's own, the same in all its messages. */
  get number(): string | undefined {
    return this.#number;
  }

  /** Which one it is of all changes of its transaction, from 1. */
  get order(): number {
    return counted(this.#transaction, 'total_order');
  }

  /** How many changes the transaction had that ends here. */
  get changes(): number {
    return counted(this.#payload, 'event_count');
  }

  /** In the topic, without a schema. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Of its rows, as they are written. */
  get rowBytes(): number {
    const payload = this.#payload;
    const before = payload.find('before');
    const after = payload.find('after');
    return payload.end(before) - payload.start(before) + payload.end(after) - payload.start(after);
  }

  get isTruncate(): boolean {
    return this.#op === TRUNCATED;
  }

  place(): LogPlace {
    return this.#dialect.placeOf(this.#source, this.#id);
  }

  /** For `placeAt`: of a transaction's changes only the last one's place is asked for, when the next message was read. */
  get origin(): Origin {
    const index = this.#payload.find('source');
    return { value: this.#value, start: this.#payload.start(index), end: this.#payload.end(index), id: this.#id };
  }

  placeAt({ value, start, end, id }: Origin): LogPlace {
    return this.#dialect.placeOf(this.#earlier.over(value, start, end), id);
  }

  /** See `Dialect.within`. */
  within(): number | undefined {
    return this.#dialect.within?.(this.#source);
  }

  withinAt({ value, start, end }: Origin): number | undefined {
    return this.#dialect.within?.(this.#earlier.over(value, start, end));
  }

  /** Undefined for what does not concern the run. An insert may lack values when it is the second half of a change of key. */
  toChange(): Change | undefined {
    const reader = this.#op === LOGICAL_MESSAGE ? undefined : this.#reader();
    if (reader === undefined) {
      const content = this.#dialect.markerOf(this.#payload);
      return content === undefined ? undefined : { op: 'marker', content };
    }
    const { table } = reader;
    if (this.#op === TRUNCATED) return { op: 'truncate', tables: [table] };
    if (this.#op === UPDATED) return this.#update(reader);
    if (this.#op === CREATED) return { op: 'insert', table, row: this.#row(reader, 'after') };
    const old = this.#row(reader, 'before', table.identity === 'key');
    return { op: 'delete', table, key: reader.keyOf(old) };
  }

  toDefinition(): Truncate | undefined {
    return this.#dialect.defined(this.#payload.text('ddl') ?? '', this.#payload.text('databaseName') ?? '');
  }

  #membersOf(key: Buffer): JsonMembers {
    const members = this.#earlier.over(key, 0, key.length);
    const index = members.count === 2 && members.find('schema') >= 0 ? members.find('payload') : -1;
    return index < 0 ? members : members.over(key, members.start(index), members.end(index));
  }

  /** Lays out what stands in the message without its schema; false when that is null. */
  #layPayload(value: Buffer): boolean {
    const payload = this.#payload;
    const known = this.#schemas.end(value);
    let [start, end] = [known, known === 0 ? value.length : value.length - 1];
    if (known === 0) {
      payload.over(value, 0, value.length, this.#inner);
      const index = payload.count === 2 && payload.find('schema') >= 0 ? payload.find('payload') : -1;
      this.#bytes = value.length;
      if (index < 0) return true;
      [start, end] = [payload.start(index), payload.end(index)];
      this.#schemas.learn(value, start, end);
    }
    this.#bytes = end - start;
    if (isNull(value, start)) return false;
    payload.over(value, start, end, this.#inner);
    return true;
  }

  #readChange(op: number): MessageKind {
    const payload = this.#payload;
    this.#op = payload.end(op) - payload.start(op) === 3 ? (this.#value[payload.start(op) + 1] ?? 0) : 0;
    const isKnown = this.#op === CREATED || this.#op === UPDATED || this.#op === DELETED || this.#op === TRUNCATED;
    if (!isKnown && this.#op !== LOGICAL_MESSAGE) {
      throw new MigrateError('STREAM.UNKNOWN', `the topic holds a change of kind ${payload.textAt(op).slice(0, 20)}`);
    }
    if (!payload.isObject(payload.find('source'))) throw incomplete('source');
    const transaction = payload.find('transaction');
    if (payload.holds(transaction)) {
      if (!payload.isObject(transaction)) throw incomplete('transaction');
      this.#identify(this.#transaction);
      return 'change';
    }
    this.#id = undefined;
    this.#number = undefined;
    // A message that belongs to no transaction is none of ours.
    return this.#op === LOGICAL_MESSAGE ? 'nothing' : 'change';
  }

  #readDefinition(): MessageKind {
    if (!this.#payload.isObject(this.#payload.find('source'))) throw incomplete('source');
    this.#id = undefined;
    this.#number = undefined;
    return this.#source.text('snapshot') === 'false' ? 'definition' : 'nothing';
  }

  #identify(members: JsonMembers): void {
    const index = members.find('id');
    if (!members.holds(index)) throw incomplete('id');
    if (!members.isText(index, this.#known.id)) {
      const id = members.textAt(index);
      this.#known = { id, number: this.#dialect.transactionOf(id) };
    }
    this.#id = this.#known.id;
    this.#number = this.#known.number;
  }

  #update(reader: RowReader): Change {
    const { table } = reader;
    const row = this.#row(reader, 'after');
    const before = this.#payload.find('before');
    if (!this.#payload.holds(before)) return { op: 'update', table, key: reader.keyOf(row), row };
    const isPartial = row.includes(undefined);
    const old = this.#row(reader, 'before', table.identity === 'key' && !isPartial);
    if (isPartial) fillFrom(row, old);
    return { op: 'update', table, key: reader.keyOf(old), row };
  }

  #row(reader: RowReader, name: 'before' | 'after', keyOnly = false): LoggedValue[] {
    const index = this.#payload.find(name);
    if (!this.#payload.holds(index)) throw incomplete(name);
    return reader.read(this.#value, this.#payload.start(index), this.#payload.end(index), keyOnly);
  }

  #reader(): RowReader | undefined {
    const source = this.#source;
    const [schema, name] = [source.find(this.#dialect.schemaMember), source.find('table')];
    if (source.isWritten(name, this.#last.name) && source.isWritten(schema, this.#last.schema))
      return this.#last.reader;
    const reader = this.#find(
      source.holds(schema) ? source.textAt(schema) : '',
      source.holds(name) ? source.textAt(name) : '',
    );
    // Only what is captured: of another one each message is judged.
    if (reader !== undefined)
      this.#last = { schema: Buffer.from(source.bytesAt(schema)), name: Buffer.from(source.bytesAt(name)), reader };
    return reader;
  }

  #find(schema: string, name: string): RowReader | undefined {
    const key = nameKey(schema, name);
    const known = this.#readers.get(key);
    if (known !== undefined) return known;
    const captured = this.#tables.get(key);
    if (captured === undefined) {
      const error =
        this.#dialect.markerOf(this.#payload) === undefined ? this.#dialect.foreign(schema, name) : undefined;
      if (error !== undefined) throw error;
      return undefined;
    }
    const reader = new RowReader(captured, this.#dialect);
    this.#readers.set(key, reader);
    return reader;
  }
}

/** Where not the whole old row was logged, null stands for what is missing of it: a value that was left out of the new row is none. */
function fillFrom(row: LoggedValue[], old: readonly LoggedValue[]): void {
  for (let index = 0; index < row.length; index++) {
    if (row[index] === undefined && old[index] !== null) row[index] = old[index];
  }
}

function nameKey(schema: string, name: string): string {
  return `${schema}\0${name}`;
}

function counted(members: JsonMembers, name: string): number {
  const count = members.countAt(members.find(name));
  if (count < 0) throw incomplete(name);
  return count;
}

function incomplete(member: string): MigrateError {
  return new MigrateError('STREAM.UNKNOWN', `the topic holds a message without its ${member}`);
}
