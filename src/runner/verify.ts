// Compares the two databases of a plan as they are, with or without a run: no journal, no lease, nothing is written.

import { nameCatalog } from '../convert/named-catalog.ts';
import { renamedTarget } from '../convert/renamed-target.ts';
import { MigrateError } from '../lib/errors.ts';
import type { Plan } from '../plan/plan.ts';
import { refuseErrors } from '../stages/preflight.ts';
import { type ComparedTable, compareStrangers } from '../verify/standalone.ts';
import type { OpenEndpoints } from './endpoints.ts';

export interface VerifyRequest {
  readonly plan: Plan;
  readonly signal: AbortSignal;
  /** Told when a table is done. */
  readonly progress: (table: ComparedTable) => void;
}

export interface VerifyReport {
  /** `undecided`: no difference was found, but some rows kept changing. */
  readonly result: 'equal' | 'different' | 'undecided';
  readonly run: string;
  readonly rowsCompared: number;
  readonly tables: readonly ComparedTable[];
}

/** Resolves also when there are differences. Rejects with VERIFY.EMPTY when there was nothing to compare. */
export async function verifyPlan(request: VerifyRequest, open: OpenEndpoints): Promise<VerifyReport> {
  const { plan, signal, progress } = request;
  const endpoints = await open(plan, { lock: false, takeover: false, onWaiting: () => undefined });
  const stop = (): void => endpoints.destroy(new Error('stopped'));
  signal.addEventListener('abort', stop, { once: true });
  try {
    const { source, target, record } = endpoints;
    refuseOne(await source.identity(), await target.identity());
    const selection = { ...plan.tables, names: record?.added ?? [] };
    const { catalog, findings } = await nameCatalog(target, await source.describe(selection), plan.tables.map, true);
    refuseErrors(findings);
    const tables = await compareStrangers({
      source: source.digests,
      target: renamedTarget(target, catalog).digests,
      tables: catalog.tables.map(({ table }) => table),
      limits: plan.verify,
      signal,
      progress,
    });
    return { result: verdict(tables), run: plan.name, rowsCompared: sum(tables, ({ rows }) => rows), tables };
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener('abort', stop);
    await endpoints.close();
  }
}

function refuseOne(source: string, target: string): void {
  if (source === target) throw new MigrateError('VERIFY.EMPTY', 'source and target are the same database');
}

function verdict(tables: readonly ComparedTable[]): VerifyReport['result'] {
  if (tables.some(({ differences, refused }) => differences > 0 || refused !== null)) return 'different';
  return tables.some(({ unstable }) => unstable > 0) ? 'undecided' : 'equal';
}

function sum(tables: readonly ComparedTable[], of: (table: ComparedTable) => number): number {
  return tables.reduce((total, table) => total + of(table), 0);
}
