// Keys and rows of dead letters as JSON.

import type { Key, LoggedValue, Row, RowChange } from '../model/change.ts';
import type { NewDeadLetter } from './dead-letters.ts';

/** A value as JSON; `{}` is one that the log did not carry, which is not NULL. */
type Encoded = string | null | { readonly bytes?: string };

function letterJson(values: readonly LoggedValue[]): string {
  return JSON.stringify(
    values.map((value): Encoded => {
      if (value === undefined) return {};
      return Buffer.isBuffer(value) ? { bytes: value.toString('hex') } : value;
    }),
  );
}

/** The row that a letter carries; null for a delete, and where a value is missing because the target cannot hold it. */
function letterPayload(change: RowChange): string | null {
  return change.op === 'delete' || change.refused !== undefined ? null : letterJson(change.row);
}

/** What is kept of a letter: table_id, op, key, new_key, payload, sqlstate, constraint, column. */
export function letterValues({ change, key, newKey, refusal }: NewDeadLetter): readonly (string | null)[] {
  return [
    change.table.id,
    change.op,
    letterJson(key),
    newKey && letterJson(newKey),
    letterPayload(change),
    refusal?.sqlState ?? null,
    refusal?.constraint ?? null,
    refusal?.column ?? null,
  ];
}

export function letterRow(json: string): Row {
  return (JSON.parse(json) as readonly Encoded[]).map((value): LoggedValue => {
    if (value === null || typeof value === 'string') return value;
    return value.bytes === undefined ? undefined : Buffer.from(value.bytes, 'hex');
  });
}

export function letterKey(json: string): Key {
  return letterRow(json).map((value) => value ?? null);
}
