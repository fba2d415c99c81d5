// Builds what was left out of the tables: unique constraints and indexes, one statement each, of several tables at the same time.
// Foreign keys come in the cutover: no session can switch them off here.

import { failpoint } from '../../lib/failpoint.ts';
import type { Catalog } from '../../model/catalog.ts';
import { type Addition, additionsOf } from './ddl.ts';
import { oraCode } from './errors.ts';
import { allowReferences } from './foreign-keys.ts';
import type { SchemaChanges } from './schema-session.ts';
import { Additions } from './schema-state.ts';

export interface CompleteOptions {
  /** Runs work in a session of its own, which it closes. */
  readonly change: <T>(work: (changes: SchemaChanges) => Promise<T>) => Promise<T>;
  /** Tables that are worked on at the same time. */
  readonly builders: number;
  readonly progress: (subject: string) => void;
}

/** The same columns have an index already, or a unique constraint: another one would do nothing, and is not to be had. */
const NOTHING_NEW = [1408, 2261];

export async function completeTables(catalog: Catalog, options: CompleteOptions): Promise<void> {
  const there = await options.change(({ session }) => Additions.read(session, catalog));
  // The largest first, so that none of them begins when the others have ended.
  const bySize = catalog.tables.toSorted((one, other) => other.table.byteEstimate - one.table.byteEstimate);
  const waiting = bySize
    .map((definition) => additionsOf(definition).filter((addition) => !there.has(definition.table, addition)))
    .filter((additions) => additions.length > 0);
  const build = (): Promise<void> =>
    options
      .change(async (changes) => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          for (const addition of next) await add(changes, addition, options.progress);
        }
      })
      .catch((error) => {
        // The others end with the table that they are at.
        waiting.length = 0;
        throw error;
      });
  const builders = Array.from({ length: Math.min(options.builders, waiting.length) }, build);
  // None may be at work any more when this is told to have failed.
  for (const result of await Promise.allSettled(builders)) if (result.status === 'rejected') throw result.reason;
  // Now, and not in the freeze.
  await options.change((changes) => allowReferences(changes, catalog));
}

async function add(
  { run }: SchemaChanges,
  { subject, statement }: Addition,
  progress: (subject: string) => void,
): Promise<void> {
  progress(subject);
  await failpoint('schema.completing');
  await run(statement).catch((error: unknown) => {
    if (!NOTHING_NEW.includes(oraCode(error) ?? 0)) throw error;
  });
}
