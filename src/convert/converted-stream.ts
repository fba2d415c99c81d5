// A change stream whose values become those of the target's types.

import { type ConversionOf, refusedIn } from '../databases/conversion.ts';
import { MigrateError } from '../lib/errors.ts';
import type { Change, Key, LoggedValue, RefusedValue, Row, RowChange, Transaction } from '../model/change.ts';
import type { Table } from '../model/table.ts';
import type { ChangeStream, Shard } from '../stream/change-stream.ts';

/** The same stream; its rows and keys are in the target's form. */
export function convertedStream(stream: ChangeStream, conversionOf: ConversionOf): ChangeStream {
  const converters = new Converters(conversionOf);
  return {
    check: () => stream.check(),
    async *open(resume, signal) {
      for await (const shard of stream.open(resume, signal)) yield convertedShard(shard, converters);
    },
    isShareable: stream.isShareable,
    covers: stream.covers,
    isWhole: (position) => stream.isWhole(position),
    distance: (from, to) => stream.distance(from, to),
    retainedBytes: () => stream.retainedBytes(),
    backlog: (applied) => stream.backlog?.(applied),
    close: () => stream.close(),
  };
}

function convertedShard(shard: Shard, converters: Converters): Shard {
  const changes = async function* (): AsyncIterable<readonly Transaction[]> {
    for await (const run of shard.changes) {
      yield run.map((transaction) => ({
        ...transaction,
        changes: transaction.changes.map((change) => converters.change(change)),
      }));
    }
  };
  return { id: shard.id, changes: changes(), ack: (position) => shard.ack(position) };
}

type Convert = (value: LoggedValue) => LoggedValue;

class Converters {
  readonly #conversionOf: ConversionOf;
  readonly #known = new WeakMap<Table, readonly Convert[]>();

  constructor(conversionOf: ConversionOf) {
    this.#conversionOf = conversionOf;
  }

  change(change: Change): Change {
    if (change.op === 'marker' || change.op === 'truncate') return change;
    const { table } = change;
    const columns = this.#of(table);
    let refused = undefined as RefusedValue | undefined;
    const value = (index: number, logged: LoggedValue): LoggedValue => {
      try {
        return columns[index]?.(logged);
      } catch (error) {
        if (!(error instanceof MigrateError)) throw error;
        const isKey = table.key.includes(index);
        // A key that is not known tells more than any other value.
        if (refused === undefined || (isKey && !refused.isKey)) {
          refused = { column: table.columns[index]?.name ?? '', error: refusedIn(table, error), isKey };
        }
        return null;
      }
    };
    const key: Key = change.op === 'insert' ? [] : change.key.map((one, at) => value(table.key[at] ?? -1, one) ?? null);
    const row: Row = change.op === 'delete' ? [] : change.row.map((one, index) => value(index, one));
    const converted: RowChange =
      change.op === 'insert'
        ? { ...change, row }
        : change.op === 'delete'
          ? { ...change, key }
          : { ...change, key, row };
    return refused === undefined ? converted : { ...converted, refused };
  }

  #of(table: Table): readonly Convert[] {
    let columns = this.#known.get(table);
    if (columns === undefined) {
      columns = table.columns.map((column): Convert => {
        const { print } = this.#conversionOf(column);
        return (value) => (value === null || value === undefined ? value : print(value));
      });
      this.#known.set(table, columns);
    }
    return columns;
  }
}
