// What an operator asks for one table: checked against the journal and recorded there. An attempt that begins carries it out.

import type { TableRequest } from '../control/controls.ts';
import type { Journal, RunRecord } from '../journal/journal.ts';
import { noRun } from '../journal/no-run.ts';
import { MigrateError } from '../lib/errors.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { TableId } from '../model/table.ts';
import { neededBy } from '../model/without.ts';
import type { Plan } from '../plan/plan.ts';
import type { OpenEndpoints } from './endpoints.ts';

/** Rejects with TABLE.UNKNOWN or TABLE.REFUSED, nothing recorded. The lease must be held. */
export async function requestTable(journal: Journal, request: TableRequest): Promise<void> {
  const record = await journal.load();
  if (record === undefined) throw new MigrateError('RUN.NONE', 'the run has no journal any more');
  const table = await known(journal, request.table);
  await refuseWhenClosed(journal, record);
  const state = (await journal.states.list()).find((entry) => entry.table === table)?.state;
  switch (request.verb) {
    case 'skip':
      refuseHandMade(record, table);
      await journal.states.skip(table, request);
      break;
    case 'retry':
      if (state !== 'skipped') throw refused(`${table} is not skipped`);
      await takeBack(journal, table);
      break;
    case 'copy':
      if (state === 'skipped') throw refused(`${table} is skipped; \`migrate table retry\` takes it back`);
      if (state === undefined) await journal.states.askCopy(table);
      break;
    default:
      request satisfies never;
  }
  const reason = request.verb === 'skip' ? `: ${request.reason}` : '';
  await journal.audit(`table ${request.verb}`, `${table} by ${request.by}${reason}`);
  await failpoint('table.recorded');
}

/** Takes the lease for a moment; the next start carries it out. */
export async function recordTable(plan: Plan, request: TableRequest, open: OpenEndpoints): Promise<void> {
  const endpoints = await open(plan, { lock: true, takeover: false, onWaiting: () => undefined });
  try {
    if (endpoints.record === undefined) {
      throw noRun(plan.name);
    }
    await endpoints.claim();
    await requestTable(endpoints.journal, request);
  } finally {
    await endpoints.close();
  }
}

/** While the snapshot is under way, a table without chunks is simply one that it has not come to. */
async function takeBack(journal: Journal, table: TableId): Promise<void> {
  const snapshot = (await journal.stages.list()).find(({ stage }) => stage === 'snapshot');
  if (snapshot?.finishedAt == null) await journal.states.carry(table);
  else await journal.states.askCopy(table);
}

async function known(journal: Journal, name: string): Promise<TableId> {
  const found = (await journal.tables.list()).find(({ id }) => id === name);
  if (found === undefined) throw new MigrateError('TABLE.UNKNOWN', `the run has no table ${name}`);
  return found.id;
}

async function refuseWhenClosed(journal: Journal, record: RunRecord): Promise<void> {
  const cutover = await journal.cutovers.latest();
  if (record.outcome !== 'running' || cutover?.phase === 'committed') {
    throw new MigrateError('RUN.COMPLETE', `run ${record.name} has ended or has cut over`);
  }
  if (cutover?.phase === 'switching') throw refused('the cutover is about to open the target');
}

/** Foreign keys that were made by hand stay, and the table they need would be empty. */
function refuseHandMade({ catalog, planFields }: RunRecord, table: TableId): void {
  if (planFields['schema.target'] !== 'existing') return;
  const [key] = neededBy(catalog, new Set([table]));
  if (key !== undefined) throw refused(`foreign key ${key.name} of ${key.table.id} needs the rows of ${table}`);
}

function refused(message: string): MigrateError {
  return new MigrateError('TABLE.REFUSED', message);
}
