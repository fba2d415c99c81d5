// The port of tables that only look like the run's: in a schema of their own on the target, where the apply can be measured
// without a row, a checkpoint or a lock of the run being touched.

import { MigrateError } from '../lib/errors.ts';
import type { Key, Row } from '../model/change.ts';
import type { Position } from '../model/position.ts';
import type { Table } from '../model/table.ts';
import type { Lane, LaneCheckpoint } from './target.ts';

/** A table to be made, with the columns and the indexes that another one has. */
export interface ScratchTable {
  readonly table: Table;
  readonly like: Table;
}

/** The run's own tables as they were at one moment, with the checkpoints of that moment. Nothing is locked. */
export interface TargetMoment {
  /** In order. */
  readonly checkpoints: readonly LaneCheckpoint[];
  /** The rows that have one of these keys, in no order. Rejects with TUNE.NOT_NOW when they have more than `maxBytes`. */
  rows(table: Table, keys: readonly Key[], maxBytes: number): Promise<readonly Row[]>;
  /** Safe to call twice. */
  close(): Promise<void>;
}

export interface Scratch {
  /** On MySQL a database. The run's id is part of it, so that no two runs share one. */
  readonly schema: string;
  /** Until it is closed nobody else can: of two who measure one would drop the tables of the other. Rejects with TUNE.NOT_NOW. */
  reserve(): Promise<{ close(): Promise<void> }>;
  look(): Promise<TargetMoment>;
  /**
   * Makes empty tables, and checkpoints of as many lanes at a position, in place of whatever the schema had. No lane may be open.
   * Rejects with TARGET.REFUSED and a cure when a right is missing.
   */
  make(tables: readonly ScratchTable[], lanes: number, position: Position): Promise<void>;
  /** Opens a writer to what was made: a lane like that of a run, whose checkpoint and lease are those of the schema. */
  lane(): Promise<Lane>;
  /** Drops the schema with everything in it; false when it was not there. */
  drop(): Promise<boolean>;
}

/** The schema's name for the run of an id. */
export function scratchSchema(id: string): string {
  return `migrate_tune_${id}`;
}

export function tooMuchToCopy(table: Table): MigrateError {
  return new MigrateError(
    'TUNE.NOT_NOW',
    `the rows of ${table.id} that the backlog changes are too large to be held here`,
    {
      fix: 'Replay less of it: --rows with a smaller number.',
    },
  );
}

export function reserved(): MigrateError {
  return new MigrateError('TUNE.NOT_NOW', 'another process measures this run', {
    fix: 'Wait until it has ended, or end it.',
  });
}
