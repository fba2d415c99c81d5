// Puts the messages of a topic together to transactions, each once and in the source's order, large ones in pieces, and decides
// which positions may be told. A connector that was killed sends a part again: at any place a run of messages may follow that
// was there before, which may begin in the middle of a transaction and ends where the last new one stood.

import { MigrateError } from '../../lib/errors.ts';
import type { Change } from '../../model/change.ts';
import type { Position } from '../../model/position.ts';
import { PIECE_BYTES, PIECE_CHANGES, VALUE_OVERHEAD } from '../pieces.ts';
import type { RunQueue } from '../run-queue.ts';
import type { Dialect, LogPlace } from './dialect.ts';
import type { Message, MessageKind, Origin } from './envelope.ts';
import { formatPlace, parsePlace, type TopicPlace } from './position.ts';
import { placeWithin, Restarted } from './restarted.ts';

export interface TopicRecord {
  readonly offset: number;
  readonly value: Buffer | null;
  readonly key?: Buffer | null;
  /** The names of its headers. */
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
  /** When it was written to the topic, in ms since 1970. */
  readonly writtenAt?: number;
}

export interface AssemblerOptions {
  readonly queue: RunQueue;
  readonly dialect: Dialect;
  readonly message: Message;
  /** What it covers is already applied and is left out. */
  readonly resume: Position;
  /** Default 5,000 changes and 4 MiB: for tests. */
  readonly pieceChanges?: number;
  readonly pieceBytes?: number;
}

/** A transaction of which the end has not come. */
interface Open {
  readonly number: string;
  /** The offset of its BEGIN. */
  readonly begin: number;
  /** Where it ends, when it has been read to its end before. */
  readonly end: LogPlace | undefined;
  /** So many of its changes have been met. */
  count: number;
  /** Of the first and of the last one of them. */
  first: Origin | undefined;
  origin: Origin | undefined;
  /** It is the first half of a change of key, or the second. */
  half: 'first' | 'second' | undefined;
  /** The connector has told its begin again. */
  restarted: Restarted | undefined;
  /** Too large to be kept until its end is known: it is read over, then from its begin again. */
  isAhead: boolean;
  /** A piece of it was delivered. */
  isCut: boolean;
}

export class TopicAssembler {
  readonly #options: AssemblerOptions;
  readonly #resume: TopicPlace;
  /** The record from which on is read, as long as it has not come. */
  #isFirst = true;
  /** Where the last transaction ended. Undefined while the first one is read. */
  #ended: LogPlace | undefined;
  #told = -1;
  /** The last BEGIN. */
  #begun: { readonly number: string; readonly offset: number } | undefined;
  #open: Open | undefined;
  /** The last transaction of which a change was taken for sent again. */
  #passed: string | undefined;
  /** The offset of the BEGIN of one that was taken for sent again, and is new as its end says. */
  #proven: number | undefined;
  /** The transaction that was read to its end, and is or was read again. */
  #known: { readonly begin: number; readonly end: LogPlace } | undefined;
  #changes: Change[] = [];
  /** Of its messages since the last cut, those that do not concern the run included. */
  #messages = 0;
  #logged = 0;
  /** In memory. */
  #bytes = 0;

  constructor(options: AssemblerOptions) {
    this.#options = options;
    this.#resume = parsePlace(options.resume);
    const { offset, ordinal, source } = this.#resume;
    if (offset === undefined) return;
    this.#ended = options.dialect.placeAt(source);
    if (ordinal > 0) this.#known = { begin: offset, end: this.#ended };
  }

  /** The record that has to come first: the one that the position to resume from names. Undefined: the first there is. */
  get first(): number | undefined {
    return this.#resume.offset;
  }

  /** The offset of the last record that ended a transaction; -1 before. */
  get told(): number {
    return this.#told;
  }

  /** Takes the next record. Returned: the offset of the record that has to come next, when it is another. */
  record({ offset, value, key, headers }: TopicRecord): number | undefined {
    const { message } = this.#options;
    const kind = message.read(value, key);
    if (this.#isFirst && this.#resume.offset !== undefined) {
      this.#checkFirst(kind, offset);
      this.#isFirst = false;
      if (this.#resume.ordinal === 0) return undefined;
      this.#openTransaction(message.number ?? '', offset);
      if (kind === 'begin') return undefined;
    }
    if (kind === 'begin') this.#begin(offset);
    else if (kind === 'end') return this.#end(offset);
    else if (kind === 'definition') this.#single(true, offset);
    else if (kind === 'change') {
      if (message.number === undefined || this.#isAlone()) this.#single(false, offset);
      else {
        if (this.#begun?.number !== message.number && this.#isUntoldBegin(kind)) this.#begin(offset);
        this.#change(message.number, headers ?? {});
      }
    }
    return undefined;
  }

  #isUntoldBegin(kind: MessageKind): boolean {
    const { dialect, message } = this.#options;
    return dialect.beginsUntold === true && kind === 'change' && message.number !== undefined && message.order === 1;
  }

  /** A topic that was made anew may have other records under the same offsets. */
  #checkFirst(kind: MessageKind, offset: number): void {
    const { offset: expected, ordinal, source } = this.#resume;
    const isSame = ordinal > 0 ? kind === 'begin' || this.#isUntoldBegin(kind) : this.#endsAt(kind, source);
    if (offset === expected && isSame) return;
    throw new MigrateError('STREAM.GONE', `record ${expected} of the topic is not the one that was read before`);
  }

  #endsAt(kind: MessageKind, position: Position): boolean {
    const { dialect, message } = this.#options;
    if (kind === 'end') return dialect.endsAt(message.id ?? '', position);
    const isSingle = kind === 'definition' || (kind === 'change' && (message.number === undefined || this.#isAlone()));
    return isSingle && dialect.endOf(undefined, () => message.place()).position === position;
  }

  /** MariaDB's TRUNCATE has the number of a transaction, whose end never comes. */
  #isAlone(): boolean {
    const { dialect, message } = this.#options;
    return message.isTruncate && dialect.truncatesAlone === true;
  }

  #begin(offset: number): void {
    const { message } = this.#options;
    const { number = '' } = message;
    this.#begun = { number, offset };
    const open = this.#open;
    this.#passed = undefined;
    if (open?.number !== number) return;
    const [first, last] = [open.first, open.origin].map((origin) => origin && message.withinAt(origin));
    // Sent again from its begin.
    if (first === undefined || last === undefined) {
      if (open.end === undefined) this.#openTransaction(number, offset);
      return;
    }
    const place = placeWithin(last, open.half === 'second');
    open.restarted = new Restarted({
      count: open.count,
      first: placeWithin(first, false),
      place,
      isHalf: open.half === 'first',
    });
  }

  #openTransaction(number: string, begin: number): Open {
    const end = this.#known?.begin === begin ? this.#known.end : undefined;
    this.#reset();
    const none = { first: undefined, origin: undefined, half: undefined, restarted: undefined };
    this.#open = { number, begin, end, count: 0, ...none, isAhead: false, isCut: false };
    return this.#open;
  }

  #change(number: string, headers: Readonly<Record<string, unknown>>): void {
    const { message } = this.#options;
    const half = '__debezium.newkey' in headers ? 'first' : '__debezium.oldkey' in headers ? 'second' : undefined;
    const open = this.#opened(number, half);
    if (open === undefined) return;
    const order = open.restarted?.orderOf(message.order, this.#place(half)) ?? message.order;
    if (order <= open.count) return;
    if (order !== open.count + 1) throw broken(`change ${order} of a transaction follows change ${open.count}`);
    if (open.half === 'first' && half !== 'second') throw broken('a change of key has no second half');
    open.count = order;
    open.origin = message.origin;
    open.first ??= open.origin;
    open.half = half;
    if (open.isAhead || (open.begin === this.#resume.offset && order <= this.#resume.ordinal)) return;
    this.#messages++;
    this.#logged += message.bytes;
    const change = message.toChange();
    if (change !== undefined) this.#keep(change, half === 'second');
    // The two halves of a change of key stay together, and so do the tables of one TRUNCATE.
    if (half !== 'first' && !message.isTruncate) this.#cut(open);
  }

  /** The transaction that the change is of; undefined for one that was sent again. */
  #opened(number: string, half: Open['half']): Open | undefined {
    const open = this.#open;
    if (open === undefined || open.number !== number) {
      if (!this.#isNew() && (this.#proven === undefined || this.#begun?.offset !== this.#proven)) {
        this.#passed = number;
        return undefined;
      }
      if (open !== undefined) throw broken('a transaction begins before the one in front of it has ended');
      if (this.#begun?.number !== number) throw broken('a transaction has no begin');
      return this.#openTransaction(number, this.#begun.offset);
    }
    if (open.restarted === undefined || !open.restarted.isWhole(this.#place(half))) return open;
    // The connector may have been given more tables meanwhile: then the changes have other numbers.
    open.restarted = undefined;
    return open.end === undefined ? this.#openTransaction(number, this.#begun?.offset ?? open.begin) : open;
  }

  #place(half: Open['half']): number {
    return placeWithin(this.#options.message.within() ?? 0, half === 'second');
  }

  /** False for what was sent again. */
  #isNew(): boolean {
    const { dialect, message } = this.#options;
    return this.#ended === undefined || dialect.isAfter(message.place(), this.#ended);
  }

  #keep(change: Change, isMoved: boolean): void {
    this.#bytes +=
      this.#options.message.rowBytes + ('table' in change ? VALUE_OVERHEAD * change.table.columns.length : 0);
    const before = this.#changes.at(-1);
    if (change.op === 'insert' && change.row.includes(undefined)) {
      // Only the row that it was before has the values that the log left out.
      if (!isMoved || before?.op !== 'delete' || before.table !== change.table) {
        throw new MigrateError('STREAM.UNKNOWN', `an insert into ${change.table.id} does not carry all its values`);
      }
      const { table, row } = change;
      this.#changes[this.#changes.length - 1] = { op: 'update', table, key: before.key, row };
    } else if (change.op === 'truncate' && before?.op === 'truncate') {
      // What is emptied in one statement may refer to each other.
      this.#changes[this.#changes.length - 1] = { op: 'truncate', tables: [...before.tables, ...change.tables] };
    }
    // A list that begins with one element has no room for more: most transactions are small, and thousands are held.
    else if (this.#changes.length === 0) this.#changes = [change];
    else this.#changes.push(change);
  }

  #cut(open: Open): void {
    const { pieceChanges = PIECE_CHANGES, pieceBytes = PIECE_BYTES } = this.#options;
    if (this.#messages < pieceChanges && this.#logged < pieceBytes) return;
    if (open.end === undefined) {
      open.isAhead = true;
      this.#reset();
      return;
    }
    open.isCut = true;
    this.#deliver(formatPlace(open.begin, open.end.position, open.count), false);
  }

  #end(offset: number): number | undefined {
    const { dialect, message } = this.#options;
    const open = this.#open;
    if (open === undefined || open.number !== message.number) return this.#prove();
    const changes = open.restarted?.countOf(message.changes) ?? message.changes;
    const { origin } = open;
    if (open.half === 'first') throw broken('a change of key has no second half');
    if (origin === undefined || changes !== open.count)
      throw broken(`a transaction of ${changes} changes ends after ${open.count}`);
    const end = dialect.endOf(message.id, () => message.placeAt(origin));
    if (open.end !== undefined && open.end.position !== end.position)
      throw new MigrateError(
        'STREAM.GONE',
        'the topic is not the one that was read before: a transaction ends elsewhere',
      );
    this.#open = undefined;
    const isCovered = this.#isCovered(end);
    if (open.isAhead && !isCovered) {
      this.#known = { begin: open.begin, end };
      return open.begin;
    }
    this.#ended = end;
    this.#proven = undefined;
    this.#told = offset;
    if (isCovered) this.#reset();
    else this.#commit(formatPlace(offset, end.position), open.isCut || open.begin === this.#resume.offset);
    return undefined;
  }

  /** Where to read from once more, when what was taken for sent again ends behind all that was there. */
  #prove(): number | undefined {
    const { dialect, message } = this.#options;
    const { number, id } = message;
    const isPassed = number !== undefined && this.#passed === number && this.#begun?.number === number;
    const ended = this.#ended;
    if (!isPassed || dialect.endTells !== true || ended === undefined) return undefined;
    const end = dialect.endOf(id, () => ended);
    if (dialect.covers(ended.position, end.position)) return undefined;
    this.#proven = this.#begun?.offset;
    return this.#proven;
  }

  /** What comes without BEGIN and END: a definition or a TRUNCATE of MySQL. */
  #single(isDefinition: boolean, offset: number): void {
    const { dialect, message } = this.#options;
    if (!this.#isNew()) return;
    if (this.#open !== undefined) throw broken('a definition stands before the end of a transaction');
    if (!isDefinition && !message.isTruncate) {
      throw new MigrateError('STREAM.FORMAT', 'a change was logged without its transaction', {
        fix: 'It was prepared (XA), and nobody can tell when it is committed: use stream.via: native, or write without XA. Abort with --drop and start again.',
      });
    }
    const end = dialect.endOf(undefined, () => message.place());
    this.#reset();
    if (!this.#isCovered(end)) {
      const change = isDefinition ? message.toDefinition() : message.toChange();
      if (change !== undefined) this.#keep(change, false);
      this.#commit(formatPlace(offset, end.position), false);
    }
    this.#ended = end;
    this.#told = offset;
  }

  /** A position of the source, not of the topic: only the end of a transaction tells whether it was before. */
  #isCovered(end: LogPlace): boolean {
    const { offset, source } = this.#resume;
    return offset === undefined && this.#options.dialect.covers(source, end.position);
  }

  /** `isLast`: of pieces, so that it must be told. */
  #commit(position: Position, isLast: boolean): void {
    if (this.#changes.length > 0 || isLast) this.#deliver(position, true);
    else this.#options.queue.pushIdle(position);
  }

  #deliver(position: Position, last: boolean): void {
    this.#options.queue.push({ position, changes: this.#changes, bytes: this.#bytes, last });
    this.#reset();
  }

  #reset(): void {
    this.#changes = [];
    this.#messages = 0;
    this.#logged = 0;
    this.#bytes = 0;
  }
}

function broken(what: string): MigrateError {
  return new MigrateError('STREAM.FORMAT', `the topic is not in order: ${what}`, {
    fix: 'Something else writes to the topic, the broker lost records, the connector was started again within a change of key, or MariaDB logged a transaction in two phases (XA), which needs stream.via: native. Abort with --drop and start again.',
  });
}
