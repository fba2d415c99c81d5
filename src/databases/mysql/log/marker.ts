// Markers in MySQL's log: a row of a table of its own on the source, one for each run.

import type { LoggedTable } from './table-map.ts';

export const MARKER_SCHEMA = 'migrate';
export const MARKER_TABLE = 'marker';

/** `n` makes every marker a change: a row that stays what it was is not logged. */
export const CREATE_MARKER_TABLE = `CREATE TABLE IF NOT EXISTS ${MARKER_SCHEMA}.${MARKER_TABLE} (
  run varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  n bigint unsigned NOT NULL,
  content longtext CHARACTER SET utf8mb4 NOT NULL
) ENGINE=InnoDB`;

/** Writes a marker of a run; its values are the run and the content. */
export const WRITE_MARKER = `INSERT INTO ${MARKER_SCHEMA}.${MARKER_TABLE} (run, n, content) VALUES (?, 1, ?)
  ON DUPLICATE KEY UPDATE n = n + 1, content = VALUES(content)`;

export function isMarkerTable(schema: string, name: string): boolean {
  return schema === MARKER_SCHEMA && name === MARKER_TABLE;
}

/** Where the run and the content stand in a row; undefined when the table is another one of that name. */
export function markerColumns(table: LoggedTable): { readonly run: number; readonly content: number } | undefined {
  const run = table.columns.findIndex(({ name }) => name === 'run');
  const content = table.columns.findIndex(({ name }) => name === 'content');
  return run < 0 || content < 0 ? undefined : { run, content };
}
