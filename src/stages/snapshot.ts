// Pins the log, then copies every table in chunks, which it shares with the workers of the run. After a crash the chunks that are
// left are copied at a new exact pair of position and snapshot, each journalled with its own.

import { whileHeld } from '../copy/age.ts';
import { showCopied } from '../copy/copied.ts';
import { copyTables } from '../copy/copier.ts';
import { othersDone } from '../copy/others.ts';
import { planChunks } from '../copy/plan.ts';
import type { Claims } from '../copy/queue.ts';
import type { Source, Start } from '../databases/source.ts';
import type { Target } from '../databases/target.ts';
import type { Passage } from '../health/gate.ts';
import type { Journal, TableProgress } from '../journal/journal.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { Catalog } from '../model/catalog.ts';
import type { Position } from '../model/position.ts';
import type { Table } from '../model/table.ts';
import type { Log } from '../observe/log.ts';
import type { RunStatus } from '../observe/status.ts';
import type { Plan } from '../plan/plan.ts';
import { keepSettled } from './settled.ts';
import type { Stage } from './stage.ts';

const SHOW_MS = 1_000;

export interface SnapshotParts {
  readonly source: Source;
  readonly target: Target;
  readonly journal: Journal;
  /** All of it is published, so that a table that is left out for now can be copied later. */
  readonly catalog: Catalog;
  /** The tables to copy. */
  readonly carried: readonly Table[];
  readonly startPosition: Position | null;
  readonly plan: { readonly snapshot: Pick<Plan['snapshot'], 'chunkRows' | 'maxAge' | 'readers'> };
  readonly gate: { readonly snapshot: Passage };
  readonly status: RunStatus;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export function snapshotStage(parts: SnapshotParts): Stage {
  return {
    name: 'snapshot',
    always: false,
    run: async () => {
      const start = await startCopy(parts);
      await whileHeld(start, { maxAge: parts.plan.snapshot.maxAge, signal: parts.signal }, (signal) =>
        copy(parts, start, signal),
      );
      const tables = await othersDone({ ...parts, tables: parts.carried });
      await failpoint('copy.done');
      await parts.target.reveal(parts.catalog);
      return { rows: copiedRows(tables), ...madeBy(start) };
    },
  };
}

/** How the newest pair was made, where the source has several ways. */
function madeBy({ means, lockMs, settled }: Start): Readonly<Record<string, string | number | boolean>> {
  return means === undefined ? {} : { means, lockMs: Math.round(lockMs ?? 0), exact: settled === undefined };
}

async function startCopy(parts: SnapshotParts): Promise<Start> {
  const { source, journal, catalog, startPosition, log, status } = parts;
  const pinned = startPosition === null;
  const start = await (pinned ? source.log.pin(catalog.tables.map(({ table }) => table)) : source.log.pair());
  const { means, lockMs, settled } = start;
  if (means !== undefined) {
    const ms = Math.round(lockMs ?? 0);
    status.update(({ snapshot }) => Object.assign(snapshot, { means, lockMs: ms }));
    const where = settled === undefined ? 'an exact position' : 'a position that its reads may be ahead of';
    log.info(`the copy begins at ${where}`, { position: start.at, subject: means, ms });
  }
  try {
    await keepSettled(start, parts, parts.target.traits.oneMomentPerTable ? catalog.tables : []);
  } catch (error) {
    await start.close();
    throw error;
  }
  if (pinned) await journal.setStart(start.at);
  // Also when resuming: a crash may have come between the two.
  await journal.tables.openLanes(startPosition ?? start.at);
  return start;
}

async function copy(parts: SnapshotParts, start: Start, signal: AbortSignal): Promise<void> {
  const { source, target, journal, carried: tables, plan, gate, status } = parts;
  await planChunks({ tables, journal: journal.tables, chunks: source.chunks, rows: plan.snapshot.chunkRows, signal });
  await failpoint('copy.planned');
  if (target.traits.oneMomentPerTable) await target.empty(unfinished(tables, await journal.tables.list()));
  const progress = await journal.tables.list();
  const { readers } = plan.snapshot;
  await copyTables({
    tables,
    progress,
    start,
    target,
    claims: claimsOf(parts),
    readers,
    gate: gate.snapshot,
    status,
    signal,
  });
}

/** Whoever leads claims as the others do, and shows what they have copied when it meets with their claims. */
function claimsOf({ carried: tables, journal, status }: SnapshotParts): Claims {
  let shownAt = performance.now();
  return {
    claim: async (chunks) => {
      const given = await journal.workers.claim(chunks, null);
      if (given.length < chunks.length && performance.now() - shownAt >= SHOW_MS) {
        showCopied({ tables, progress: await journal.tables.list(), status });
        shownAt = performance.now();
      }
      return given;
    },
  };
}

/** Copied in part, at a moment that cannot be read again. */
function unfinished(tables: readonly Table[], progress: readonly TableProgress[]): readonly Table[] {
  const begun = new Set(
    progress.filter(({ chunks }) => new Set(chunks.map(({ at }) => at === null)).size === 2).map(({ id }) => id),
  );
  return tables.filter(({ id }) => begun.has(id));
}

function copiedRows(tables: readonly TableProgress[]): number {
  return tables.reduce((sum, table) => sum + table.chunks.reduce((rows, chunk) => rows + chunk.rows, 0), 0);
}
