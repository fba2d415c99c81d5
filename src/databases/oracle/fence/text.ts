// The texts of a fence: one row for each run, and the triggers that read it, all in the schema of the run's account: a trigger runs
// with the rights of who owns it.

import { createHash } from 'node:crypto';
import type { TableName } from '../../../model/table.ts';
import { OWN_PREFIX, ownTable } from '../own-tables.ts';
import { quoteLiteral, quoteName, quoteTable } from '../sql.ts';

/** A run's row says what every trigger of it does: `open` or `permanent`. */
export const FENCE_SCHEMA = `CREATE TABLE ${ownTable('FENCE')} (
  "ID" VARCHAR2(64) NOT NULL,
  "MODE" VARCHAR2(10) NOT NULL,
  CONSTRAINT ${ownTable('FENCE_PK')} PRIMARY KEY ("ID")
)`;

export type FenceMode = 'open' | 'permanent';

/** What the server says to whoever is stopped. */
export const FENCE_REFUSES = 20901;

/** What the names of a run's triggers begin with. */
export function triggerPrefix(id: string): string {
  return `${OWN_PREFIX}${id}`;
}

/** Fits into 30 bytes, which older servers allow. */
export function triggerName(id: string, { schema, name }: Pick<TableName, 'schema' | 'name'>): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([schema, name]))
    .digest('hex')
    .slice(0, 12);
  return `${triggerPrefix(id)}$${digest}`;
}

/** Once for each statement, before it: the run's own batches are not slowed by their rows. */
export function createTrigger(id: string, table: TableName, pass: string): string {
  return `CREATE OR REPLACE TRIGGER ${quoteName(triggerName(id, table))}
BEFORE INSERT OR UPDATE OR DELETE ON ${quoteTable(table)}
DECLARE
  FENCE_MODE VARCHAR2(10);
BEGIN
  IF NVL(SYS_CONTEXT('USERENV', 'CLIENT_IDENTIFIER'), ' ') <> ${quoteLiteral(pass)} THEN
    SELECT MAX("MODE") INTO FENCE_MODE FROM ${ownTable('FENCE')} WHERE "ID" = ${quoteLiteral(id)};
    IF FENCE_MODE = 'permanent' THEN
      RAISE_APPLICATION_ERROR(-${FENCE_REFUSES}, 'writes are stopped: this database is being moved');
    END IF;
  END IF;
END;`;
}
