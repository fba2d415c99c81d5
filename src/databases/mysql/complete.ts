// Builds what was left out of the tables: unique constraints, indexes and AUTO_INCREMENT in one pass over each table, then
// foreign keys. The server makes the change of a table wholly or not at all, so that what is there can be skipped.

import { failpoint } from '../../lib/failpoint.ts';
import type { Catalog, TableDefinition } from '../../model/catalog.ts';
import { type Addition, additionsOf, foreignKeysOf } from './ddl.ts';
import type { SchemaChanges } from './schema-session.ts';
import { Additions, readNaming } from './schema-state.ts';
import { quoteTable } from './sql.ts';

export interface CompleteOptions {
  /** Runs work in a session of its own, which it closes. */
  readonly change: <T>(work: (changes: SchemaChanges) => Promise<T>) => Promise<T>;
  /** Tables that are worked on at the same time. */
  readonly builders: number;
  readonly progress: (subject: string) => void;
}

export async function completeTables(catalog: Catalog, options: CompleteOptions): Promise<void> {
  const missing = await options.change(async ({ session }) => {
    const there = await Additions.read(session, catalog, await readNaming(session));
    return ({ table }: TableDefinition, additions: readonly Addition[]): readonly Addition[] =>
      additions.filter((addition) => !there.has(table, addition));
  });
  // The largest first, so that none of them begins when the others have ended.
  const bySize = catalog.tables.toSorted((one, other) => other.table.byteEstimate - one.table.byteEstimate);
  const waiting = bySize
    .map((definition) => ({ definition, additions: missing(definition, additionsOf(definition)) }))
    .filter(({ additions }) => additions.length > 0);
  const build = (): Promise<void> =>
    options
      .change(async (changes) => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          for (const part of parts(next.additions)) await add(changes, next.definition, part, options.progress);
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
  await options.change(async (changes) => {
    for (const definition of catalog.tables) {
      const keys = missing(definition, foreignKeysOf(definition));
      if (keys.length > 0) await add(changes, definition, keys, options.progress);
    }
  });
}

async function add(
  { run }: SchemaChanges,
  { table }: TableDefinition,
  additions: readonly Addition[],
  progress: (subject: string) => void,
): Promise<void> {
  for (const { subject } of additions) progress(subject);
  await failpoint('schema.completing');
  await run(`ALTER TABLE ${quoteTable(table)} ${additions.map(({ clause }) => clause).join(', ')}`);
}

function parts(additions: readonly Addition[]): readonly (readonly Addition[])[] {
  const together = additions.filter(({ alone }) => !alone);
  return [
    ...(together.length === 0 ? [] : [together]),
    ...additions.filter(({ alone }) => alone).map((addition) => [addition]),
  ];
}
