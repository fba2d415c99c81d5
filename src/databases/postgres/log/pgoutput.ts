// Reads messages of the pgoutput plugin, protocol version 1, text values. Hands what it reads to a sink, in order;
// decides nothing about transactions. Anything it does not know stops it.

import { constants } from 'node:buffer';
import { MigrateError } from '../../../lib/errors.ts';
import { utf8Text } from '../../../lib/utf8.ts';
import type { Change, Key, LoggedValue, Row, Value } from '../../../model/change.ts';
import type { Table } from '../../../model/table.ts';
import type { LoggedColumn, Relation, Relations } from './relations.ts';

/** What a reader of the log does with what was read. */
export interface LogSink {
  /** `finalLsn`: where the commit record starts. */
  begin(finalLsn: bigint): void;
  /** True while changes are read over: their transaction is already applied. */
  readonly skipping: boolean;
  /** `bytes`: of its message in the log. */
  change(change: Change, bytes: number): void;
  /** `endLsn`: where the commit record ends. */
  commit(endLsn: bigint): void;
}

/** The prefix of the messages that `mark` writes. */
export const MARKER_PREFIX = 'migrate';

const ORIGIN = 0x4f; // O
const TYPE = 0x59; // Y
const RELATION = 0x52; // R
const BEGIN = 0x42; // B
const COMMIT = 0x43; // C
const INSERT = 0x49; // I
const UPDATE = 0x55; // U
const DELETE = 0x44; // D
const TRUNCATE = 0x54; // T
const MESSAGE = 0x4d; // M
const KEY = 0x4b; // K: old values of the replica identity only
const OLD = 0x4f; // O: the whole old row
const NEW = 0x4e; // N
const NULL = 0x6e; // n
const UNAVAILABLE = 0x75; // u: an unchanged value stored out of line
const TEXT = 0x74; // t

/** The longest text that a string of V8 holds, in bytes of which each may become a character. */
const LONGEST = constants.MAX_STRING_LENGTH;

export class PgoutputDecoder {
  readonly #relations: Relations;
  readonly #sink: LogSink;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;
  #size = 0;
  /** The tuple last read lacks a value. */
  #incomplete = false;

  constructor(relations: Relations, sink: LogSink) {
    this.#relations = relations;
    this.#sink = sink;
  }

  /** Reads the message that lies from `start` to `end`. Keeps nothing of the buffer. */
  decode(message: Buffer, start: number, end: number = message.length): void {
    this.#bytes = message;
    this.#at = start + 1;
    this.#end = end;
    this.#size = end - start;
    const tag = message[start];
    if (tag === INSERT || tag === UPDATE || tag === DELETE) {
      if (!this.#sink.skipping) this.#rowChange(tag);
    } else if (tag === BEGIN) this.#sink.begin(message.readBigUInt64BE(this.#at));
    // flags (1), start of the commit record (8), its end
    else if (tag === COMMIT) this.#sink.commit(message.readBigUInt64BE(this.#at + 9));
    else if (tag === RELATION) this.#relation();
    else if (tag === TRUNCATE) this.#truncate();
    else if (tag === MESSAGE) this.#message();
    else if (tag !== TYPE && tag !== ORIGIN) {
      throw new MigrateError('STREAM.UNKNOWN', `the log contains a message of kind ${printTag(tag)}`);
    }
  }

  #rowChange(tag: typeof INSERT | typeof UPDATE | typeof DELETE): void {
    const relation = this.#relations.find(this.#int32());
    const { table } = relation;
    let kind = this.#byte();
    if (tag === DELETE) {
      this.#expect(kind === KEY || kind === OLD, kind);
      const gone = this.#tuple(relation);
      this.#checkEnd();
      this.#sink.change({ op: 'delete', table, key: keyIn(table, gone) }, this.#size);
      return;
    }
    let old: Row | undefined;
    const wholeOld = kind === OLD;
    if (tag === UPDATE && (wholeOld || kind === KEY)) {
      old = this.#tuple(relation);
      kind = this.#byte();
    }
    this.#expect(kind === NEW, kind);
    const row = this.#tuple(relation);
    this.#checkEnd();
    if (tag === INSERT) {
      this.#sink.change({ op: 'insert', table, row }, this.#size);
      return;
    }
    if (old !== undefined && this.#incomplete) fillFrom(row, old, wholeOld ? undefined : relation.inIdentity);
    this.#sink.change({ op: 'update', table, key: keyIn(table, old ?? row), row }, this.#size);
  }

  #tuple(relation: Relation): LoggedValue[] {
    const bytes = this.#bytes;
    const width = this.#int16();
    const { table } = relation;
    if (width !== relation.width) {
      throw new MigrateError('STREAM.UNKNOWN', `a row of ${table.id} has ${width} values in the log`);
    }
    this.#incomplete = false;
    const row: LoggedValue[] = new Array(table.columns.length);
    for (let index = width; index < row.length; index++) row[index] = null;
    let at = this.#at;
    for (let index = 0; index < width; index++) {
      const kind = bytes[at++];
      if (kind === TEXT) {
        const length = bytes.readUInt32BE(at);
        at += 4;
        if (length > LONGEST) throw tooLarge(table, index, length);
        row[index] = utf8Text(bytes, at, at + length);
        at += length;
      } else if (kind === NULL) {
        row[index] = null;
      } else {
        this.#expect(kind === UNAVAILABLE, kind);
        row[index] = undefined;
        this.#incomplete = true;
      }
    }
    this.#at = at;
    return row;
  }

  #truncate(): void {
    if (this.#sink.skipping) return;
    const count = this.#int32();
    // options: CASCADE is spelled out in the list of tables, RESTART IDENTITY concerns sequences only
    this.#at += 1;
    const tables = Array.from({ length: count }, () => this.#relations.find(this.#int32()).table);
    this.#sink.change({ op: 'truncate', tables }, this.#size);
  }

  #message(): void {
    const transactional = this.#byte() === 1;
    this.#at += 8; // its place in the log
    const prefix = this.#cstring();
    const length = this.#int32();
    if (!transactional || prefix !== MARKER_PREFIX || this.#sink.skipping) return;
    const content = this.#bytes.toString('utf8', this.#at, this.#at + length);
    this.#sink.change({ op: 'marker', content }, this.#size);
  }

  #relation(): void {
    const oid = this.#int32();
    const schema = this.#cstring();
    const name = this.#cstring();
    const identity = String.fromCharCode(this.#byte() ?? 0);
    const width = this.#int16();
    const columns = Array.from({ length: width }, (): LoggedColumn => {
      const inIdentity = ((this.#byte() ?? 0) & 1) === 1;
      const column = this.#cstring();
      const typeOid = this.#int32();
      const typeModifier = this.#int32() | 0;
      return { name: column, typeOid, typeModifier, inIdentity };
    });
    // pg_catalog is sent as the empty string
    this.#relations.learn({ oid, schema: schema === '' ? 'pg_catalog' : schema, name, identity, columns });
  }

  #byte(): number | undefined {
    return this.#bytes[this.#at++];
  }

  #int16(): number {
    this.#at += 2;
    return this.#bytes.readUInt16BE(this.#at - 2);
  }

  #int32(): number {
    this.#at += 4;
    return this.#bytes.readUInt32BE(this.#at - 4);
  }

  #cstring(): string {
    const start = this.#at;
    const end = this.#bytes.indexOf(0, start);
    if (end < 0) throw new MigrateError('STREAM.UNKNOWN', 'a name in the log has no end');
    this.#at = end + 1;
    return this.#bytes.toString('utf8', start, end);
  }

  /** A value that ran over the end of the message would be cut off in silence. */
  #checkEnd(): void {
    if (this.#at !== this.#end) throw new MigrateError('STREAM.UNKNOWN', 'a row in the log is malformed');
  }

  #expect(known: boolean, tag: number | undefined): void {
    if (!known) throw new MigrateError('STREAM.UNKNOWN', `the log contains a row of kind ${printTag(tag)}`);
  }
}

/** Takes values the new row lacks from the old one: all of them, or those of the identity, the only ones logged then. */
function fillFrom(row: LoggedValue[], old: Row, logged: readonly boolean[] | undefined): void {
  for (let index = 0; index < row.length; index++) {
    if (row[index] === undefined && (logged === undefined || logged[index] === true)) row[index] = old[index];
  }
}

function keyIn(table: Table, row: Row): Key {
  const { key: columns } = table;
  const key: Value[] = new Array(columns.length);
  for (let index = 0; index < columns.length; index++) {
    const value = row[columns[index] ?? 0];
    if (value === undefined || (value === null && table.identity === 'key')) {
      throw new MigrateError('STREAM.UNKNOWN', `a change of ${table.id} does not carry the whole key`);
    }
    key[index] = value;
  }
  return key;
}

function printTag(tag: number | undefined): string {
  return tag === undefined ? 'none' : JSON.stringify(String.fromCharCode(tag));
}

function tooLarge(table: Table, column: number, bytes: number): MigrateError {
  const name = `${table.id}.${table.columns[column]?.name}`;
  return new MigrateError('STREAM.VALUE_SIZE', `a value of ${name} has ${bytes} bytes in the log`);
}
