// Keeps every statement that is sent, for the tests that hold each against the grammar of the language.

import { appendFileSync } from 'node:fs';

const seen = new Set<string>();

/** Appends a text that was not there yet to the file that MIGRATE_ORACLE_SQL_LOG names, as a line of JSON. Nothing without it. */
export function logStatement(sql: string): void {
  const file = process.env.MIGRATE_ORACLE_SQL_LOG;
  if (file === undefined || file === '' || seen.has(sql)) return;
  seen.add(sql);
  appendFileSync(file, `${JSON.stringify(sql)}\n`);
}
