// A run's target on the double: the tables that rows, checkpoints, chunks, the lease and the pass are in, and what writes there.

import { OracleServer } from '../../src/databases/oracle/connection.ts';
import { positionHash } from '../../src/databases/oracle/journal/lanes.ts';
import { OracleLoader } from '../../src/databases/oracle/load.ts';
import { OracleLane } from '../../src/databases/oracle/write/lane.ts';
import { LockWaits } from '../../src/databases/oracle/write/lock-waits.ts';
import type { Position } from '../../src/model/position.ts';
import type { Table } from '../../src/model/table.ts';
import type { OracleDouble } from '../fleet/oracle-double/double.ts';
import { hexOf, oracleTable } from '../oracle/oracle-table.ts';

export const CLAIM = { run: 'doubled', epoch: 3 };
export const LANES = 2;
const BEGIN = '0';

export const TABLES: readonly Table[] = ['LEFT', 'RIGHT'].map((name) =>
  oracleTable(name, ['ID NUMBER(10)', 'NOTE VARCHAR2(20 CHAR)', 'PRICE NUMBER(12,2)'], 'ID'),
);

/** Makes all of it anew: lanes at `0`, and one chunk of each table that is not done. */
export function defineRun({ tables }: OracleDouble): void {
  const { run } = CLAIM;
  const own = (name: string, columns: readonly string[], key: readonly string[], ...rows: readonly Row[]): void =>
    tables.define({ name: `MIGRATE$${name}`, columns: columns.map((column) => ({ name: column })), key }, ...rows);
  own('LEASE', ['RUN', 'EPOCH'], ['RUN'], { RUN: run, EPOCH: String(CLAIM.epoch) });
  own('PASS', ['RUN', 'SECRET'], ['RUN'], { RUN: run, SECRET: 'abc' });
  own('KEY_CHUNK', ['RUN', 'TABLE_ID', 'KEY_HASH', 'KEY', 'AT'], ['RUN', 'TABLE_ID', 'KEY_HASH']);
  own(
    'CHECKPOINT',
    ['RUN', 'DIRECTION', 'LANE', 'POSITION', 'POSITION_HASH', 'CHANGES', 'SPLITS', 'UPDATED_AT'],
    ['RUN', 'DIRECTION', 'LANE'],
    ...Array.from({ length: LANES }, (_, lane) => ({
      ...{ RUN: run, DIRECTION: 'forward', LANE: String(lane), POSITION: BEGIN, POSITION_HASH: positionHash(BEGIN) },
      ...{ CHANGES: '0', SPLITS: '0' },
    })),
  );
  own(
    'CHUNK',
    ['RUN', 'TABLE_ID', 'ORDINAL', 'AT', 'ROWS', 'DONE_AT'],
    ['RUN', 'TABLE_ID', 'ORDINAL'],
    ...TABLES.map(({ id }) => ({ RUN: run, TABLE_ID: id, ORDINAL: '0', AT: null, ROWS: null })),
  );
  for (const { name } of TABLES) {
    const columns = [{ name: 'ID' }, { name: 'NOTE', longest: 20 }, { name: 'PRICE' }];
    tables.define({ name: `SHOP.${name}`, columns, key: ['ID'] });
  }
}

type Row = Readonly<Record<string, string | null>>;

export const serverOf = ({ url }: OracleDouble): OracleServer => new OracleServer('target', url, CLAIM.run);

/** Nobody looks who holds a lock: the double does not know. */
const waitsOf = (server: OracleServer): LockWaits => new LockWaits({ server, lookMs: 3_600_000 });

export const laneOf = (server: OracleServer): OracleLane =>
  new OracleLane({ server, claim: CLAIM, direction: 'forward', conversionOf: hexOf, waits: waitsOf(server) });

export const loaderOf = (server: OracleServer, networkTimeoutMs = 30_000): OracleLoader =>
  new OracleLoader({ server, claim: CLAIM, conversionOf: hexOf, networkTimeoutMs, waits: waitsOf(server) });

/** The committed rows of a table, sorted. */
export function rowsOf({ tables }: OracleDouble, { name }: Table): readonly string[] {
  const rows = tables.rows(`SHOP.${name}`).map(({ ID, NOTE, PRICE }) => [ID, NOTE, PRICE].join('|'));
  return rows.sort();
}

export function checkpointsOf({ tables }: OracleDouble): readonly Position[] {
  return tables.rows('MIGRATE$CHECKPOINT').map(({ POSITION }) => String(POSITION) as Position);
}

/** Changes that the checkpoints count, over all lanes. */
export function changesOf({ tables }: OracleDouble): number {
  return tables.rows('MIGRATE$CHECKPOINT').reduce((sum, { CHANGES }) => sum + Number(CHANGES), 0);
}
