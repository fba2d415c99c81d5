// Named places where a test can kill, fail, delay or pause the process. Dead unless armed: arming takes both
// `--enable-failpoints` and MIGRATE_FAILPOINTS="name[@n]=action[;…]" (n = the n-th hit, 1 by default).
// Actions: kill9 | throw | delay(ms) | pause(file): waits until the file exists.

import { existsSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { MigrateError } from './errors.ts';

const OF_EVERY_RUN = [
  'lease.acquired',
  'schema.creating',
  'log.before_pin',
  'identity.set',
  'log.pinned',
  'copy.planned',
  'chunk.read',
  'chunk.before_commit',
  'chunk.after_commit',
  'copy.done',
  'apply.begin',
  'apply.mid',
  'apply.before_checkpoint',
  'apply.before_commit',
  'apply.after_commit',
  'ack.before',
  'ack.after',
  'schema.before_complete',
  'schema.completing',
  'verify.chunk',
  'verify.done',
  'cutover.before_arm',
  'cutover.armed',
  'cutover.closed',
  'cutover.waited',
  'cutover.marked',
  'cutover.drained',
  'cutover.settled',
  'cutover.sequences',
  'cutover.before_permanent',
  'cutover.pending',
  'cutover.permanent',
  'cutover.switched',
  'cutover.target_open',
  'cleanup.before_release',
  'identity.restoring',
] as const;

/**
 * Met only on a target whose tables are hidden while they are copied, between `copy.done` and `apply.begin`, or stand open until then:
 * before such a table is closed, and once more before its rows are counted.
 */
export const REVEAL_FAILPOINTS = ['schema.revealing'] as const;

/** Met only after `migrate table`. */
export const TABLE_FAILPOINTS = ['table.recorded', 'table.apart', 'table.copied', 'table.merging'] as const;

/** Met only after `migrate table add`, in this order. */
export const JOIN_FAILPOINTS = ['table.publishing', 'table.published', 'table.joining', 'table.joined'] as const;

/** Met only when the source was given columns that the run follows. */
export const COLUMN_FAILPOINTS = ['schema.adding_columns', 'schema.columns_added'] as const;

/** Met only when the target refuses a row and the plan keeps it as a dead letter. */
export const LETTER_FAILPOINTS = ['dlq.before', 'dlq.after'] as const;

/** Met only where changes come through Debezium, in this order, while the log is pinned. */
export const DEBEZIUM_FAILPOINTS = [
  'kafka.topic_made',
  'connector.created',
  'connector.offsets_set',
  'connector.resumed',
] as const;

/** Met only where lanes are shared with workers, in this order. */
export const SHARED_FAILPOINTS = ['lanes.shared', 'lanes.taken_back'] as const;

export type Failpoint =
  | (typeof OF_EVERY_RUN)[number]
  | (typeof REVEAL_FAILPOINTS)[number]
  | (typeof TABLE_FAILPOINTS)[number]
  | (typeof JOIN_FAILPOINTS)[number]
  | (typeof COLUMN_FAILPOINTS)[number]
  | (typeof LETTER_FAILPOINTS)[number]
  | (typeof DEBEZIUM_FAILPOINTS)[number]
  | (typeof SHARED_FAILPOINTS)[number];

/** The failpoints of every run, in the order it meets them. A test enumerates this list. */
export const FAILPOINTS: readonly Failpoint[] = OF_EVERY_RUN;

const KNOWN: ReadonlySet<string> = new Set([
  ...FAILPOINTS,
  ...REVEAL_FAILPOINTS,
  ...TABLE_FAILPOINTS,
  ...JOIN_FAILPOINTS,
  ...COLUMN_FAILPOINTS,
  ...LETTER_FAILPOINTS,
  ...DEBEZIUM_FAILPOINTS,
  ...SHARED_FAILPOINTS,
]);

interface Armed {
  readonly hit: number;
  readonly action: string;
}

const armed = new Map<string, Armed>();
const hits = new Map<string, number>();
let enabled = false;

/** Reads the environment. Called once, by the command line, when `--enable-failpoints` is given. */
export function enableFailpoints(specification: string): void {
  enabled = true;
  for (const part of specification.split(';').filter((text) => text.trim() !== '')) {
    const match = /^([a-z_.]+)(?:@(\d+))?=(kill9|throw|delay\(\d+\)|pause\(.+\))$/.exec(part.trim());
    const name = match?.[1];
    const action = match?.[3];
    if (name === undefined || action === undefined || !KNOWN.has(name)) {
      throw new MigrateError('USAGE.FAILPOINT', `not a failpoint: ${part}`);
    }
    armed.set(name, { hit: Number(match?.[2] ?? 1), action });
  }
}

/** At once, so that it is out before a kill; a pipe whose reader is slow is waited for. */
async function tell(line: string): Promise<void> {
  for (;;) {
    try {
      writeSync(2, line);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      await sleep(5);
    }
  }
}

/** A place of this name was reached. Costs one comparison when failpoints are off. */
export function failpoint(name: Failpoint): Promise<void> | undefined {
  return enabled ? reached(name) : undefined;
}

async function reached(name: Failpoint): Promise<void> {
  const hit = (hits.get(name) ?? 0) + 1;
  hits.set(name, hit);
  // Unbuffered: the line must be out before the process is killed.
  await tell(`failpoint ${name} ${hit}\n`);
  const plan = armed.get(name);
  if (plan === undefined || plan.hit !== hit) return;
  const argument = /\((.+)\)/.exec(plan.action)?.[1] ?? '';
  if (plan.action === 'kill9') process.kill(process.pid, 'SIGKILL');
  else if (plan.action === 'throw') throw new MigrateError('TEST.FAILPOINT', `failpoint ${name} threw`);
  else if (plan.action.startsWith('delay')) await sleep(Number(argument));
  else while (!existsSync(argument)) await sleep(20);
}
