// Analyzes large tables and builds their indexes, several tables at once. What is left for build.ts, which makes the rest in its
// order: small tables, what partitioned tables have, and what refers to other tables.

import type { Catalog, TableDefinition } from '../../model/catalog.ts';
import { analyzeNew, completeSchema } from './build.ts';
import type { PostgresServer, Session } from './connection.ts';

/** From here on building the indexes of a table takes longer than opening a connection. */
const LARGE_BYTES = 32 << 20;

export interface BuildLargeOptions {
  /** Connections, each of which takes the next table. */
  readonly builders: number;
  readonly progress: (subject: string) => void;
  /** Proves, inside a transaction, that this runner may still write. */
  readonly prove: (session: Session) => Promise<void>;
}

/** Idempotent, as `completeSchema` is. The first failure stops all builders and is rethrown when the last has stopped. */
export async function buildLarge(server: PostgresServer, catalog: Catalog, options: BuildLargeOptions): Promise<void> {
  const large = catalog.tables
    .filter(({ table }) => table.byteEstimate >= LARGE_BYTES)
    .sort((left, right) => left.table.byteEstimate - right.table.byteEstimate);
  if (large.length < 2) return;
  const build = (): Promise<void> =>
    server.with('build', async (session) => {
      for (let next = large.pop(); next !== undefined; next = large.pop()) {
        const alone = indexesOf(next, catalog);
        await analyzeNew(session, alone);
        await completeSchema(session, alone, options.progress, options.prove);
      }
    });
  const stop = (error: unknown): void => {
    large.length = 0;
    throw error;
  };
  const builders = Array.from({ length: Math.min(options.builders, large.length) }, () => build().catch(stop));
  for (const result of await Promise.allSettled(builders)) if (result.status === 'rejected') throw result.reason;
}

/** A catalog of nothing but the unique constraints and indexes of one table. */
function indexesOf(definition: TableDefinition, catalog: Catalog): Catalog {
  const alone = { ...definition, checks: [], foreignKeys: [], inherits: [] };
  return { ...catalog, tables: [alone], parents: [], types: [], sequences: [] };
}
