// Copies tables again while the other tables are followed. Ends the attempt when they are copied: the next one reads the
// log again from where these tables were taken out, and applies to them what their copy does not contain.

import type { Applier } from '../apply/applier.ts';
import { copyTables } from '../copy/copier.ts';
import { planChunks } from '../copy/plan.ts';
import type { Source } from '../databases/source.ts';
import type { Target } from '../databases/target.ts';
import type { Passage } from '../health/gate.ts';
import type { Journal } from '../journal/journal.ts';
import { MigrateError } from '../lib/errors.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { Catalog } from '../model/catalog.ts';
import type { Table } from '../model/table.ts';
import type { Log } from '../observe/log.ts';
import type { RunStatus } from '../observe/status.ts';
import type { Plan } from '../plan/plan.ts';
import { keepSettled } from './settled.ts';

export interface RecopyParts {
  readonly source: Source;
  readonly target: Target;
  readonly journal: Journal;
  readonly catalog: Catalog;
  /** Of the catalog. */
  readonly tables: readonly Table[];
  readonly applier: Applier;
  readonly plan: Pick<Plan, 'snapshot'>;
  readonly gate: { readonly snapshot: Passage };
  readonly status: RunStatus;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Rejects with TABLE.COPIED (retry) when all is copied, and with what ended the apply. */
export async function copyAgain(parts: RecopyParts): Promise<never> {
  const { applier, signal, status, tables } = parts;
  const stop = new AbortController();
  const copying = copy(parts, AbortSignal.any([signal, stop.signal]));
  status.waitsFor(`copying ${tables.map(({ id }) => id).join(', ')} again`);
  try {
    await Promise.race([copying, applier.failed]);
  } catch (error) {
    stop.abort(error);
    copying.catch(() => undefined);
    throw error;
  }
  await failpoint('table.copied');
  throw new MigrateError('TABLE.COPIED', 'tables were copied again; now their changes are applied');
}

/** At one moment, since what is unique on these tables exists already: who is interrupted starts over. */
async function copy(parts: RecopyParts, signal: AbortSignal): Promise<void> {
  const { source, target, journal, catalog, tables, plan, gate, status, log } = parts;
  for (const { id } of tables) log.info('copying the table again', { table: id });
  const start = await source.log.pair();
  try {
    signal.throwIfAborted();
    await keepSettled(
      start,
      parts,
      catalog.tables.filter(({ table }) => tables.some(({ id }) => id === table.id)),
    );
    await planChunks({ tables, journal: journal.tables, chunks: source.chunks, rows: plan.snapshot.chunkRows, signal });
    const progress = await journal.tables.list();
    const { readers } = plan.snapshot;
    await copyTables({ tables, progress, start, target, readers, gate: gate.snapshot, status, signal });
  } finally {
    await start.close();
  }
}
