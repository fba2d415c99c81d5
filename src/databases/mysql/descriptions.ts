// Reads information_schema whole. MariaDB leaves a table out while its definition is being changed, be it only a trigger that it
// is given, and says so in a warning.

import { setTimeout as sleep } from 'node:timers/promises';
import { MigrateError } from '../../lib/errors.ts';
import type { MysqlSession, TextRow } from './connection.ts';

const SKIPPED_TABLE = '1684';
const ATTEMPTS = 20;
const PAUSE_MS = 50;

/** Of a source. Rejects with SOURCE.TRANSIENT while tables are being altered for longer than a moment. */
export async function readDescriptions(session: MysqlSession, statement: string): Promise<readonly TextRow[]> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const rows = await session.query(statement);
    const warnings = await session.query('SHOW WARNINGS');
    if (!warnings.some(([, code]) => code === SKIPPED_TABLE)) return rows;
    await sleep(PAUSE_MS);
  }
  throw new MigrateError('SOURCE.TRANSIENT', 'source: tables are being altered');
}
