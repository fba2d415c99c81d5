// Puts events together to transactions, large ones in pieces, and decides which positions may be told.

import { MigrateError } from '../../../lib/errors.ts';
import type { Change } from '../../../model/change.ts';
import type { Position } from '../../../model/position.ts';
import { PIECE_BYTES, PIECE_CHANGES, VALUE_OVERHEAD } from '../../../stream/pieces.ts';
import type { RunQueue } from '../../../stream/run-queue.ts';
import { defined } from './definitions.ts';
import type { BinlogEvent, Format, Gtid, Query, Rotate, Rows } from './events.ts';
import { type GtidSet, gtidSet } from './gtid-set.ts';
import { beginOf, fileNumber, filePrefix, formatPosition, type Place, parsePlace } from './position.ts';
import { type Held, PreparedTransactions } from './prepared.ts';
import { RowsReader } from './rows.ts';
import { readStatement } from './statements.ts';
import type { LoggedTables } from './tables.ts';

const POSITIONS = 2 ** 32;
/** No event is larger. */
const LARGEST_GAP = 2 ** 30;
const UNKNOWN = { born: undefined, server: undefined };

export interface AssemblerOptions {
  readonly queue: RunQueue;
  readonly tables: LoggedTables;
  /** Whose markers are delivered. */
  readonly run: string;
  readonly isMariadb: boolean;
  /** What it covers is already applied and is left out. */
  readonly resume: Position;
  /** Another server took over: the file from whose begin on is read, where transactions are told by their numbers. */
  readonly takenOver?: string | undefined;
}

export class TransactionAssembler {
  readonly #options: AssemblerOptions;
  readonly #rows: RowsReader;
  readonly #resume: Place;
  readonly #gtids: GtidSet;
  readonly #prepared = new PreparedTransactions();
  #file: string;
  #prefix: string;
  /** Where the last event ended. */
  #at: number;
  /** Between the begin and the end of what is committed as one. */
  #open = false;
  /** Rows come until a commit. */
  #begun = false;
  #begin = 0;
  #gtid: Gtid | undefined;
  /** It begins before the place from which on is read. */
  #isOld = false;
  #isPastBegin = false;
  #skipping = false;
  #changes: Change[] = [];
  /** In the log. */
  #logged = 0;
  /** In memory. */
  #bytes = 0;
  /** Changes of the open transaction so far, those that are left out included. */
  #ordinal = 0;
  #leftOut = 0;
  /** Changes there were at the first savepoint: to which one is gone back is not looked at. */
  #savepoint: number | undefined;

  constructor(options: AssemblerOptions) {
    this.#options = options;
    this.#rows = new RowsReader(options.run);
    this.#resume = parsePlace(options.resume);
    this.#gtids = gtidSet(this.#resume.gtids, options.isMariadb);
    const { takenOver } = options;
    const { name, at } = takenOver === undefined ? beginOf(this.#resume) : { name: takenOver, at: 0 };
    this.#file = name;
    this.#prefix = filePrefix(name, takenOver === undefined && name === this.#resume.name ? this.#resume : UNKNOWN);
    this.#at = at;
  }

  /** The next event of the log. */
  event(event: BinlogEvent): void {
    if (event.kind === 'rotate') {
      this.#rotate(event);
      return;
    }
    if (event.kind === 'format') this.#format(event);
    // Made up for the reader: it has no place in the file.
    if (event.end === 0) return;
    this.#handle(event, this.#advance(event.size, event.end));
  }

  /** A compressed transaction, which is one event; false when what is in it is applied already. */
  payload({ size, end }: Pick<BinlogEvent, 'size' | 'end'>): boolean {
    const start = this.#advance(size, end);
    if (!this.#open) this.#start(start);
    if (this.#skipping) this.#commit();
    return this.#open;
  }

  /** The next event within a compressed transaction. */
  inner(event: BinlogEvent): void {
    this.#handle(event, this.#begin);
  }

  #handle(event: BinlogEvent, start: number): void {
    switch (event.kind) {
      case 'gtid':
        this.#numbered(event, start);
        break;
      case 'query':
        this.#query(event, start);
        break;
      case 'table':
        if (!this.#skipping) this.#options.tables.learn(event);
        break;
      case 'rows':
        if (!this.#skipping) this.#readRows(event);
        break;
      case 'xid':
        this.#commit();
        break;
      case 'xa-prepare':
        this.#xaPrepare(event.onePhase);
        break;
      case 'unreadable':
        if (!this.#skipping && !this.#isCovered(start))
          throw new MigrateError('STREAM.FORMAT', `the log holds ${event.what}`, event);
        break;
      default:
        // What stands between transactions, a file's own events above all.
        if (!this.#open && this.#isPast()) this.#options.queue.pushIdle(this.#position(this.#at));
    }
  }

  /** What was read last. */
  get reached(): Pick<Place, 'name' | 'at'> {
    return { name: this.#file, at: this.#at };
  }

  /** The event begins where this returns. A server may leave some out (MariaDB the texts of statements), and never goes back. */
  #advance(size: number, end: number): number {
    // Places are told modulo 2^32.
    const on = (end - (this.#at % POSITIONS) + POSITIONS) % POSITIONS;
    if (on < size || on - size > LARGEST_GAP) {
      throw new MigrateError(
        'STREAM.UNKNOWN',
        `an event of ${size} bytes after ${this.#file}:${this.#at} ends at ${end}`,
      );
    }
    this.#at += on;
    return this.#at - size;
  }

  #rotate({ file, position }: Rotate): void {
    // Told at the end of a file, and made up again before the next and at the begin.
    if (file !== this.#file) {
      this.#file = file;
      this.#prefix = filePrefix(file, UNKNOWN);
    }
    this.#at = position;
  }

  #format({ born, server, end }: Format): void {
    const { name, born: expected } = this.#resume;
    const isResumed = this.#file === name && this.#options.takenOver === undefined;
    if (isResumed && expected !== undefined && expected !== born) throw this.#foreign();
    this.#prefix = filePrefix(this.#file, { born, server });
    if (end === 0) return;
    // A server that was started anew numbers its tables anew, and the end of a transaction that it had not written is not there.
    this.#options.tables.forget();
    if (this.#open) this.#abandon();
  }

  /** A server that died in the middle of writing: what it had written of the transaction was never committed. */
  #abandon(): void {
    if (this.#ordinal > 0) {
      throw new MigrateError('STREAM.FORMAT', `the log ends within a transaction before ${this.#file}`);
    }
    this.#reset();
  }

  #foreign(): MigrateError {
    return new MigrateError(
      'STREAM.GONE',
      `${this.#file} of the source is not the file that was read: its log was reset, or it is another server`,
    );
  }

  #isCovered(start: number): boolean {
    if (this.#options.takenOver !== undefined) return false;
    if (this.#file === this.#resume.name) return start < this.#resume.at;
    return fileNumber(this.#file) < this.#resume.file;
  }

  #isPast(): boolean {
    // What was applied may come in front of it or behind.
    if (this.#options.takenOver !== undefined) return this.#isPastBegin;
    return this.#file === this.#resume.name ? this.#at > this.#resume.at : !this.#isCovered(0);
  }

  #numbered(gtid: Gtid, start: number): void {
    this.#start(start, gtid);
    this.#begun = gtid.begins;
    if (gtid.xid !== undefined) this.#holdFrom(gtid.xid);
  }

  /** What becomes of the changes to come is told later. */
  #holdFrom(xid: string): void {
    this.#begun = true;
    if (!this.#skipping) this.#prepared.begin(xid, fileNumber(this.#file), this.#begin);
  }

  #start(at: number, gtid?: Gtid): void {
    this.#gtid = gtid;
    this.#open = true;
    this.#begun = false;
    this.#begin = at;
    this.#isOld = this.#options.takenOver === undefined ? this.#isCovered(at) : this.#isApplied(gtid);
    this.#skipping = this.#isOld && !this.#wasUndecided(at);
    if (!this.#isOld && !this.#isPastBegin) this.#passBegin();
    this.#prepared.drop();
    this.#ordinal = 0;
    this.#savepoint = undefined;
    this.#leftOut = this.#file === this.#resume.name && at === this.#resume.at ? this.#resume.ordinal : 0;
  }

  #isApplied({ source, number }: Partial<Gtid> = {}): boolean {
    if (source === undefined || number === undefined) throw this.#foreign();
    return this.#gtids.has(source, number);
  }

  /** Here the place is passed from which on is read: what was prepared before it must have been met. */
  #passBegin(): void {
    if (this.#prepared.size !== this.#resume.prepared.length) throw this.#foreign();
    this.#isPastBegin = true;
  }

  #wasUndecided(start: number): boolean {
    const { prepared } = this.#resume;
    return prepared.length > 0 && prepared.some(({ file, at }) => at === start && file === fileNumber(this.#file));
  }

  #query(query: Query, start: number): void {
    if (!this.#open) this.#start(start);
    const statement = readStatement(query.text, query.schema);
    switch (statement.does) {
      case 'begin':
        this.#begun = true;
        return;
      case 'xa-begin':
        this.#holdFrom(statement.xid);
        return;
      case 'savepoint':
        this.#savepoint ??= this.#count;
        return;
      case 'xa-end':
        return;
      case 'commit':
        this.#commit();
        return;
      case 'xa-commit':
      case 'xa-rollback':
        if (!this.#skipping) this.#decided(statement.xid, statement.does === 'xa-commit');
        this.#commit();
        return;
      case 'rollback':
      case 'rollback-to':
        this.#undone(statement.does === 'rollback' ? 0 : (this.#savepoint ?? 0));
        if (statement.does === 'rollback') this.#commit();
        return;
      default: {
        const change = this.#skipping ? undefined : defined(statement, this.#options.tables);
        if (change !== undefined) this.#change(change, 0);
        // Outside a transaction a statement is one by itself.
        if (!this.#begun) this.#commit();
      }
    }
  }

  /** Changes of the open transaction so far. */
  get #count(): number {
    return this.#prepared.open?.changes.length ?? this.#ordinal;
  }

  /** Only tables that know no transactions make a server log what it then takes back. */
  #undone(kept: number): void {
    if (this.#skipping || this.#count <= kept) return;
    throw new MigrateError('STREAM.FORMAT', 'a transaction was rolled back after its changes were logged', {
      fix: 'It wrote to tables without transactions (MyISAM, Aria) besides. Exclude them from what it writes, then abort with --drop and start again.',
    });
  }

  #readRows(rows: Rows): void {
    const relation = this.#options.tables.find(rows.id);
    if (relation !== undefined) this.#rows.read(rows, relation, this.#take);
  }

  readonly #take = (change: Change, bytes: number): void => this.#change(change, bytes);

  #change(change: Change, logged: number): void {
    const bytes = logged + ('table' in change ? VALUE_OVERHEAD * change.table.columns.length : 0);
    if (this.#prepared.open !== undefined) {
      this.#prepared.add(change, logged, bytes);
      return;
    }
    this.#ordinal++;
    if (this.#ordinal <= this.#leftOut) return;
    this.#changes.push(change);
    this.#logged += logged;
    this.#bytes += bytes;
    // The end is not known yet.
    if (this.#changes.length < PIECE_CHANGES && this.#logged < PIECE_BYTES) return;
    this.#deliver(this.#position(this.#begin, this.#ordinal), false);
  }

  /** The first half of a commit in two phases, or the whole in one. */
  #xaPrepare(onePhase: boolean): void {
    const held = this.#prepared.open;
    if (!onePhase && held === undefined && this.#ordinal > 0)
      throw new MigrateError('STREAM.UNKNOWN', 'the log holds a transaction that is prepared without a name');
    if (onePhase) {
      this.#prepared.drop();
      this.#release(held);
    } else this.#prepared.keep();
    this.#commit();
  }

  #decided(xid: string, isCommit: boolean): void {
    const held = this.#prepared.find(xid);
    if (isCommit && held === undefined) {
      throw new MigrateError(
        'STREAM.FORMAT',
        'a transaction was committed that had been prepared (XA PREPARE) before the run began',
        { fix: 'Abort with --drop and start again when XA RECOVER lists none.' },
      );
    }
    if (isCommit) this.#release(held);
    this.#prepared.end(xid);
  }

  #release(held: Held | undefined): void {
    for (const [index, change] of held?.changes.entries() ?? []) this.#change(change, held?.logged[index] ?? 0);
  }

  #commit(): void {
    const { source, number } = this.#gtid ?? {};
    if (!this.#isOld) {
      if (source !== undefined && number !== undefined && !this.#gtids.add(source, number)) throw this.#foreign();
      if (this.#ordinal === 0) this.#options.queue.pushIdle(this.#position(this.#at));
      else this.#deliver(this.#position(this.#at), true);
    }
    this.#reset();
  }

  #reset(): void {
    this.#open = false;
    this.#begun = false;
    this.#skipping = false;
    this.#gtid = undefined;
  }

  #position(at: number, ordinal = 0): Position {
    return formatPosition(this.#prefix, at, this.#gtids.text, ordinal, this.#prepared.text);
  }

  #deliver(position: Position, last: boolean): void {
    this.#options.queue.push({ position, changes: this.#changes, bytes: this.#bytes, last });
    this.#changes = [];
    this.#logged = 0;
    this.#bytes = 0;
  }
}
