// What Debezium says of PostgreSQL's log: its places, its markers, and its values.

import { createHash } from 'node:crypto';
import { MigrateError } from '../../../lib/errors.ts';
import type { Position } from '../../../model/position.ts';
import type { Column, Table } from '../../../model/table.ts';
import type { Dialect, LogPlace, ReadValue } from '../../../stream/kafka/dialect.ts';
import type { JsonObject } from '../../../stream/kafka/json.ts';
import { covers, distance, formatLsn, parseLsn } from '../log/lsn.ts';
import { MARKER_PREFIX } from '../log/pgoutput.ts';
import { type Placeholder, readerOfType, type WrittenType, whyNotWhole } from './values.ts';

class Place implements LogPlace {
  readonly #at: string | bigint;
  /** Of an end of a transaction: where its commit record ends. Of a change: where the transaction before its own ended. */
  readonly end: bigint;

  constructor(at: string | bigint, end: bigint) {
    this.#at = at;
    this.end = end;
  }

  /** Made when it is asked for: of a change it hardly ever is. */
  get position(): Position {
    return formatLsn(BigInt(this.#at));
  }
}

/** What `sequence` says: where the transaction before ended, and where this change stands. */
const SEQUENCE = /^\[(?:null|"(\d+)"),/;

export interface DialectOptions {
  /** By the name that columns have for it. */
  readonly types: ReadonlyMap<string, WrittenType>;
  /** What stands for values that the log left out: the connector's `unavailable.value.placeholder`. */
  readonly placeholder: string;
}

export class PostgresDialect implements Dialect {
  readonly schemaMember = 'schema';
  /** The place of its change is where the transaction before its own ended, as far as the connector knows after a restart. */
  readonly endTells = true;
  readonly beginsUntold = true;
  readonly covers = covers;
  readonly distance = distance;
  readonly #types: DialectOptions['types'];
  readonly #placeholder: Placeholder;

  constructor({ types, placeholder }: DialectOptions) {
    this.#types = types;
    this.#placeholder = { text: placeholder, uuid: namedUuid(placeholder) };
  }

  readerOf(table: Table, column: Column): ReadValue {
    const type = this.#types.get(column.type);
    const reason = type === undefined ? 'the source does not know its type' : whyNotWhole(type);
    if (type !== undefined && reason === undefined) return readerOfType(type, this.#placeholder);
    throw new MigrateError('STREAM.FORMAT', `${table.id}.${column.name} is of type ${column.type}: ${reason}`, {
      fix: 'Set stream.via: native in the plan, or exclude the table; then abort with --drop and start again.',
    });
  }

  /** A change says where the transaction before its own ended: of those that run side by side the places are mixed. */
  placeOf(source: JsonObject): LogPlace {
    const lsn = source.text('lsn');
    const sequence = source.text('sequence');
    const match = typeof sequence === 'string' ? SEQUENCE.exec(sequence) : null;
    if (lsn === null || lsn === undefined || match === null) throw unplaced();
    return new Place(lsn, BigInt(match[1] ?? 0));
  }

  placeAt(position: Position): LogPlace {
    const lsn = parseLsn(position);
    return new Place(lsn, lsn);
  }

  isAfter(of: LogPlace, end: LogPlace): boolean {
    return asPlace(of).end >= asPlace(end).end;
  }

  /** `68535:299462888`: what is behind the colon is each message's own place. */
  transactionOf(id: string): string {
    return id.slice(0, id.indexOf(':'));
  }

  /** In the message that ends it, the place of the transaction is the end of its commit record. */
  endOf(id: string | undefined, lastChange: () => LogPlace): LogPlace {
    if (id === undefined) return lastChange();
    const lsn = BigInt(id.slice(id.indexOf(':') + 1));
    return new Place(lsn, lsn);
  }

  endsAt(id: string, position: Position): boolean {
    return BigInt(id.slice(id.indexOf(':') + 1)) === parseLsn(position);
  }

  markerOf(message: JsonObject): string | undefined {
    if (message.text('op') !== 'm') return undefined;
    const written = message.object('message');
    if (written?.text('prefix') !== MARKER_PREFIX) return undefined;
    return Buffer.from(written.text('content') ?? '', 'base64').toString('utf8');
  }

  /** The publication has tables of the run only: one of another name was renamed. */
  foreign(schema: string, name: string): MigrateError {
    const where = `${schema}.${name}`;
    return new MigrateError('SCHEMA.CHANGED', `a captured table was renamed to ${where}`, { where });
  }

  /** PostgreSQL logs no definitions. */
  defined(): undefined {
    return undefined;
  }
}

function asPlace(of: LogPlace): Place {
  if (of instanceof Place) return of;
  throw new MigrateError('INTERNAL.BUG', 'a place of another log');
}

function unplaced(): MigrateError {
  return new MigrateError('STREAM.UNKNOWN', 'a change does not say where it stands in the log');
}

/** As Java makes it of a text. */
function namedUuid(text: string): string {
  const bytes = createHash('md5').update(text).digest();
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x30;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
