// What an operator asks for one table: checked against the journal and recorded there. An attempt that begins carries it out.

import type { TableAnswer, TableRequest } from '../control/controls.ts';
import type { Journal, RunRecord } from '../journal/journal.ts';
import { noRun } from '../journal/no-run.ts';
import { MigrateError } from '../lib/errors.ts';
import { failpoint } from '../lib/failpoint.ts';
import { partitionsOf } from '../model/catalog.ts';
import { readTableId, type TableId, type TableName } from '../model/table.ts';
import { neededBy } from '../model/without.ts';
import type { Plan } from '../plan/plan.ts';
import type { OpenEndpoints } from './endpoints.ts';
import { checkJoining, type JoiningParts } from './joining.ts';

const NOTHING: TableAnswer = { changed: false, findings: [] };
const DONE: TableAnswer = { changed: true, findings: [] };

/** Rejects with TABLE.UNKNOWN or TABLE.REFUSED, nothing recorded. The lease must be held. */
export async function requestTable(parts: JoiningParts, request: TableRequest): Promise<TableAnswer> {
  const { journal } = parts.endpoints;
  const record = await journal.load();
  if (record === undefined) throw new MigrateError('RUN.NONE', 'the run has no journal any more');
  const name = readTableId(request.table);
  const tables = name === undefined ? [] : carriedUnder(record, name);
  if (name === undefined || (tables.length === 0 && request.verb !== 'add')) {
    throw new MigrateError('TABLE.UNKNOWN', `the run has no table ${request.table}`);
  }
  await refuseWhenClosed(journal, record);
  const answer = await carryOut(parts, record, { request, name, tables });
  if (!answer.changed) return answer;
  const { by, verb } = request;
  const result = verb === 'skip' ? `recorded, because: ${request.reason}` : 'recorded';
  await journal.audit({ by, command: `table ${verb} ${name.id}`, result });
  await failpoint('table.recorded');
  return answer;
}

/** Takes the lease for a moment; the next start carries it out. */
export async function recordTable(plan: Plan, request: TableRequest, open: OpenEndpoints): Promise<TableAnswer> {
  const endpoints = await open(plan, { lock: true, takeover: false, onWaiting: () => undefined });
  try {
    if (endpoints.record === undefined) {
      throw noRun(plan.name);
    }
    await endpoints.claim();
    return await requestTable({ plan, endpoints }, request);
  } finally {
    await endpoints.close();
  }
}

interface Wish {
  readonly request: TableRequest;
  readonly name: TableName;
  /** What of the run it is about: the table, or, of a partitioned one, those that have its rows. */
  readonly tables: readonly TableId[];
}

async function carryOut(parts: JoiningParts, record: RunRecord, wish: Wish): Promise<TableAnswer> {
  const { request, name, tables } = wish;
  const { journal } = parts.endpoints;
  const states = new Map((await journal.states.list()).map(({ table, state }) => [table, state]));
  const skipped = tables.filter((table) => states.get(table) === 'skipped');
  switch (request.verb) {
    case 'add':
      if (skipped.length > 0) throw refusedSkipped(name);
      return isPart(record, name) ? NOTHING : add(parts, record, name);
    case 'skip':
      refuseHandMade(record, tables);
      for (const table of tables) await journal.states.skip(table, request);
      return DONE;
    case 'retry':
      if (skipped.length === 0) throw refused(`${name.id} is not skipped`);
      for (const table of skipped) await takeBack(journal, table);
      return DONE;
    case 'copy':
      if (skipped.length > 0) throw refusedSkipped(name);
      for (const table of tables) if (!states.has(table)) await journal.states.askCopy(table);
      return DONE;
    default:
      return request satisfies never;
  }
}

async function add(parts: JoiningParts, record: RunRecord, name: TableName): Promise<TableAnswer> {
  const { journal } = parts.endpoints;
  const made = (await journal.stages.list()).some(({ stage, finishedAt }) => stage === 'schema' && finishedAt !== null);
  if (!made) throw refused('the run has not made its tables on the target yet; ask again when it copies');
  const findings = await checkJoining(parts, record, name);
  await journal.states.askJoin(name);
  return { changed: true, findings };
}

function isPart({ catalog, joining }: RunRecord, { id }: TableName): boolean {
  return (
    [...catalog.parents, ...catalog.tables].some(({ table }) => table.id === id) ||
    joining.some((each) => each.id === id)
  );
}

function carriedUnder({ catalog }: RunRecord, name: TableName): readonly TableId[] {
  const under = new Set([name, ...partitionsOf(catalog, [name])].map(({ id }) => id));
  return catalog.tables.map(({ table }) => table.id).filter((id) => under.has(id));
}

/** While the snapshot is under way, a table without chunks is simply one that it has not come to. */
async function takeBack(journal: Journal, table: TableId): Promise<void> {
  const snapshot = (await journal.stages.list()).find(({ stage }) => stage === 'snapshot');
  if (snapshot?.finishedAt == null) await journal.states.carry(table);
  else await journal.states.askCopy(table);
}

async function refuseWhenClosed(journal: Journal, record: RunRecord): Promise<void> {
  const cutover = await journal.cutovers.latest();
  if (record.outcome !== 'running' || cutover?.phase === 'committed') {
    throw new MigrateError('RUN.COMPLETE', `run ${record.name} has ended or has cut over`);
  }
  if (cutover?.phase === 'switching') throw refused('the cutover is about to open the target');
}

/** Foreign keys that were made by hand stay, and the table they need would be empty. */
function refuseHandMade({ catalog, planFields }: RunRecord, tables: readonly TableId[]): void {
  if (planFields['schema.target'] !== 'existing') return;
  const [key] = neededBy(catalog, new Set(tables));
  if (key !== undefined)
    throw refused(`foreign key ${key.name} of ${key.table.id} needs the rows of ${tables.join(', ')}`);
}

function refusedSkipped({ id }: TableName): MigrateError {
  return refused(`${id} is skipped; \`migrate table retry\` takes it back`);
}

function refused(message: string): MigrateError {
  return new MigrateError('TABLE.REFUSED', message);
}
