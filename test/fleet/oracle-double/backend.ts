// What stands behind the protocol of the double: whatever answers statements.

import type { Value } from './wire.ts';

export interface Statement {
  readonly sql: string;
  /** One for each time that it is to be executed; empty when nothing is bound. */
  readonly rows: readonly (readonly Value[])[];
}

export type Answer =
  | { readonly columns: readonly string[]; readonly rows: readonly (readonly Value[])[] }
  /** How many rows each row of the batch wrote. */
  | { readonly counts: readonly number[] };

/** One session. A statement that throws `OraError` leaves what the rows before did. */
export interface BackendSession {
  execute(statement: Statement): Promise<Answer>;
  commit(): void;
  /** Also when the connection ends. */
  rollback(): void;
}

/** What Oracle says: `code` 1 with the text of ORA-00001. */
export class OraError extends Error {
  readonly code: number;

  constructor(code: number, text: string) {
    super(`ORA-${String(code).padStart(5, '0')}: ${text}`);
    this.code = code;
  }
}
