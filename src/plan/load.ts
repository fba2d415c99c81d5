// Finds and loads the plan file.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MigrateError } from '../lib/errors.ts';
import type { Secrets } from '../observe/secrets.ts';
import type { Environment } from './interpolate.ts';
import type { Plan } from './plan.ts';
import { readPlan } from './read.ts';

const PLAN_NAMES = ['migrate.yaml', 'migrate.yml'] as const;

/** ./migrate.yaml, ./migrate.yml, then $MIGRATE_PLAN. Throws PLAN.FILE when there is none. */
export function findPlan(env: Environment = process.env, directory: string = process.cwd()): string {
  const found = PLAN_NAMES.map((name) => join(directory, name)).find((path) => existsSync(path)) ?? env.MIGRATE_PLAN;
  if (found === undefined || found === '') {
    throw new MigrateError(
      'PLAN.FILE',
      `no plan: there is no ${PLAN_NAMES.join(' or ')} here, and MIGRATE_PLAN is not set`,
    );
  }
  return found;
}

/** Throws PLAN.FILE, or PLAN.INVALID with one line `file:line:col message` per fault. What must be hidden is added to `secrets`. */
export async function loadPlan(path: string, env: Environment, secrets: Secrets): Promise<Plan> {
  const reading = readPlan(await readText(path), path, env);
  for (const secret of reading.secrets) secrets.add(secret.text, secret);
  if ('plan' in reading) return reading.plan;
  const lines = reading.faults.map(({ line, column, message }) => `${path}:${line}:${column} ${message}`);
  throw new MigrateError('PLAN.INVALID', lines.join('\n'));
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new MigrateError('PLAN.FILE', `the plan ${path} cannot be read (${reason})`, { cause: error });
  }
}
