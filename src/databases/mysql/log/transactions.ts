// Puts events together to transactions, large ones in pieces, and decides which positions may be told.

import { MigrateError } from '../../../lib/errors.ts';
import type { Change, Truncate } from '../../../model/change.ts';
import type { Position } from '../../../model/position.ts';
import type { Table } from '../../../model/table.ts';
import type { RunQueue } from '../../../stream/run-queue.ts';
import type { BinlogEvent, Format, Gtid, Query, Rotate, Rows } from './events.ts';
import { type GtidSet, gtidSet } from './gtid-set.ts';
import { filePrefix, formatPosition, type Place, parsePlace } from './position.ts';
import { RowsReader } from './rows.ts';
import { readStatement, type Statement } from './statements.ts';
import type { LoggedTables } from './tables.ts';

// Where a transaction is cut must not depend on where reading began: lanes may have committed at different cuts of it, and
// each drops whole pieces. Other limits, or another measure of bytes, are another format of the journal.
const PIECE_CHANGES = 5_000;
const PIECE_BYTES = 4 * 1024 * 1024;
/** About what a value costs in memory besides its text. */
const VALUE_OVERHEAD = 24;
const POSITIONS = 2 ** 32;
/** No event is larger. */
const LARGEST_GAP = 2 ** 30;

export interface AssemblerOptions {
  readonly queue: RunQueue;
  readonly tables: LoggedTables;
  /** Whose markers are delivered. */
  readonly run: string;
  readonly isMariadb: boolean;
  /** What it covers is already applied and is left out. */
  readonly resume: Position;
}

export class TransactionAssembler {
  readonly #options: AssemblerOptions;
  readonly #rows: RowsReader;
  readonly #resume: Place;
  readonly #gtids: GtidSet;
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
    this.#file = this.#resume.name;
    this.#prefix = filePrefix(this.#resume.name, this.#resume.born);
    this.#at = this.#resume.at;
  }

  event(event: BinlogEvent): void {
    if (event.kind === 'rotate') {
      this.#rotate(event);
      return;
    }
    if (event.kind === 'format') this.#format(event);
    // Made up for the reader: it has no place in the file.
    if (event.end === 0) return;
    const start = this.#advance(event.size, event.end);
    switch (event.kind) {
      case 'gtid':
        this.#start(start);
        this.#gtid = event;
        this.#begun = event.begins;
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
        if (!this.#isCovered(start)) throw new MigrateError('STREAM.FORMAT', `the log holds ${event.what}`, event);
        break;
      default:
        // What stands between transactions, a file's own events above all.
        if (!this.#open && this.#isPast()) this.#options.queue.pushIdle(this.#position());
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
      this.#prefix = filePrefix(file, undefined);
    }
    this.#at = position;
  }

  #format({ born, end }: Format): void {
    const { name, born: expected } = this.#resume;
    if (this.#file === name && expected !== undefined && expected !== born) {
      throw this.#foreign();
    }
    this.#prefix = filePrefix(this.#file, born);
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
    return this.#file === this.#resume.name && start < this.#resume.at;
  }

  #isPast(): boolean {
    return this.#file !== this.#resume.name || this.#at > this.#resume.at;
  }

  #start(at: number): void {
    this.#open = true;
    this.#begun = false;
    this.#begin = at;
    this.#skipping = this.#isCovered(at);
    this.#ordinal = 0;
    this.#savepoint = undefined;
    this.#leftOut = this.#file === this.#resume.name && at === this.#resume.at ? this.#resume.ordinal : 0;
  }

  #query(query: Query, start: number): void {
    if (!this.#open) this.#start(start);
    const statement = readStatement(query.text, query.schema);
    switch (statement.does) {
      case 'begin':
        this.#begun = true;
        return;
      case 'savepoint':
        this.#savepoint ??= this.#ordinal;
        return;
      case 'xa-end':
        return;
      case 'commit':
      case 'xa-outcome':
        this.#commit();
        return;
      case 'rollback':
      case 'rollback-to':
        this.#undone(statement.does === 'rollback' ? 0 : (this.#savepoint ?? 0));
        if (statement.does === 'rollback') this.#commit();
        return;
      default:
        if (!this.#skipping) this.#define(statement);
        // Outside a transaction a statement is one by itself.
        if (!this.#begun) this.#commit();
    }
  }

  /** Only tables that know no transactions make a server log what it then takes back. */
  #undone(kept: number): void {
    if (this.#skipping || this.#ordinal <= kept) return;
    throw new MigrateError('STREAM.FORMAT', 'a transaction was rolled back after its changes were logged', {
      fix: 'It wrote to tables without transactions (MyISAM, Aria) besides. Exclude them from what it writes, then abort with --drop and start again.',
    });
  }

  #define(statement: Statement): void {
    const { tables } = this.#options;
    if (statement.does === 'truncate') {
      const table = tables.captured(statement.table.schema, statement.table.name);
      if (table !== undefined) this.#change({ op: 'truncate', tables: [table] } satisfies Truncate, 0);
    }
    if (statement.does === 'alter') {
      const named = statement.tables.map(({ schema, name }) => tables.captured(schema, name));
      const table = named.find((one) => one !== undefined) ?? this.#anyOf(statement.schema);
      if (table === undefined) return;
      throw new MigrateError('SCHEMA.CHANGED', `${table.id} was altered, dropped or renamed during the run`, {
        where: table.id,
      });
    }
    if (statement.does === 'rows') {
      throw new MigrateError('STREAM.FORMAT', `the log holds a change as a statement (${statement.verb})`, {
        fix: 'SET GLOBAL binlog_format = ROW and let every session that set it otherwise reconnect; then abort with --drop and start again.',
      });
    }
    if (statement.does === 'unknown') {
      throw new MigrateError(
        'STREAM.UNKNOWN',
        `the log holds a statement of a kind that is not known: ${statement.verb}`,
      );
    }
  }

  #anyOf(schema: string | undefined): Table | undefined {
    return [...this.#options.tables.all].find(({ table }) => table.schema === schema)?.table;
  }

  #readRows(rows: Rows): void {
    const relation = this.#options.tables.find(rows.id);
    if (relation !== undefined) this.#rows.read(rows, relation, this.#take);
  }

  readonly #take = (change: Change, bytes: number): void => this.#change(change, bytes);

  #change(change: Change, bytes: number): void {
    this.#ordinal++;
    if (this.#ordinal <= this.#leftOut) return;
    this.#changes.push(change);
    this.#logged += bytes;
    this.#bytes += bytes + ('table' in change ? VALUE_OVERHEAD * change.table.columns.length : 0);
    // The end is not known yet.
    if (this.#changes.length < PIECE_CHANGES && this.#logged < PIECE_BYTES) return;
    this.#deliver(formatPosition(this.#prefix, this.#begin, this.#gtids.text, this.#ordinal), false);
  }

  #xaPrepare(onePhase: boolean): void {
    if (!onePhase && this.#ordinal > 0) {
      throw new MigrateError('STREAM.FORMAT', 'a transaction that is committed in two phases (XA PREPARE)', {
        fix: 'Let applications commit with XA COMMIT … ONE PHASE or without XA during the run; abort with --drop and start again.',
      });
    }
    this.#commit();
  }

  #commit(): void {
    const { source, number } = this.#gtid ?? {};
    if (source !== undefined && number !== undefined) {
      const isNew = this.#gtids.add(source, number);
      if (!isNew && !this.#skipping) throw this.#foreign();
    }
    if (!this.#skipping) {
      if (this.#ordinal === 0) this.#options.queue.pushIdle(this.#position());
      else this.#deliver(this.#position(), true);
    }
    this.#reset();
  }

  #reset(): void {
    this.#open = false;
    this.#begun = false;
    this.#skipping = false;
    this.#gtid = undefined;
  }

  #position(): Position {
    return formatPosition(this.#prefix, this.#at, this.#gtids.text);
  }

  #deliver(position: Position, last: boolean): void {
    this.#options.queue.push({ position, changes: this.#changes, bytes: this.#bytes, last });
    this.#changes = [];
    this.#logged = 0;
    this.#bytes = 0;
  }
}
