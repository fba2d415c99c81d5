// Keys and rows of dead letters as JSON.

import type { Key, LoggedValue, Row, RowChange } from '../model/change.ts';

/** A value as JSON; `{}` is one that the log did not carry, which is not NULL. */
type Encoded = string | null | { readonly bytes?: string };

export function letterJson(values: readonly LoggedValue[]): string {
  return JSON.stringify(
    values.map((value): Encoded => {
      if (value === undefined) return {};
      return Buffer.isBuffer(value) ? { bytes: value.toString('hex') } : value;
    }),
  );
}

/** The row that a letter carries; null for a delete, and where a value is missing because the target cannot hold it. */
export function letterPayload(change: RowChange): string | null {
  return change.op === 'delete' || change.refused !== undefined ? null : letterJson(change.row);
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
