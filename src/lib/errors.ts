// The one error class. A code says what happened, its entry in the catalogue says why and what to do,
// the disposition says who acts next.

import type { Disposition } from './code-entry.ts';
import { CODES, type ErrorCode } from './codes.ts';

export interface ErrorDetails {
  /** Overrides the cure in the catalogue with one that names the very thing to change. */
  readonly fix?: string;
  readonly cause?: unknown;
  /** `file:line:col` or an object's name. */
  readonly where?: string;
  readonly disposition?: Disposition;
}

export class MigrateError extends Error {
  readonly code: ErrorCode;
  readonly disposition: Disposition;
  readonly fix: string;
  readonly where: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'MigrateError';
    this.code = code;
    this.disposition = details.disposition ?? CODES[code].disposition;
    this.fix = details.fix ?? CODES[code].fix;
    this.where = details.where;
  }
}

/** Narrows what was thrown. Anything that is not ours is a bug until an adapter has translated it. */
export function toMigrateError(thrown: unknown): MigrateError {
  if (thrown instanceof MigrateError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new MigrateError('INTERNAL.BUG', message, { cause: thrown });
}

/** The end of every exhaustive switch. */
export function unreachable(value: never): never {
  throw new MigrateError('INTERNAL.BUG', `unexpected value ${JSON.stringify(value)}`);
}
