// Tables that join a run under way: made first, each closed, and journalled as part of it after. A crash in between leaves tables
// that are recorded as the run's, which the next attempt finds and goes on with.

import { failpoint } from '../../lib/failpoint.ts';
import type { Catalog } from '../../model/catalog.ts';
import type { JoinedRecord } from '../target.ts';
import { createTables } from './build.ts';
import { closeExisting } from './existing.ts';
import type { NewFence } from './fence/new.ts';
import { recordJoined } from './journal/changes.ts';
import { proveLease } from './lease-proof.ts';
import type { SchemaChanges } from './schema-session.ts';

export interface JoinOptions {
  readonly fence: NewFence;
  /** True when the tables were made by hand. */
  readonly existing: boolean;
}

export async function joinTables(
  changes: SchemaChanges,
  { fence, existing }: JoinOptions,
  catalog: Catalog,
  joined: JoinedRecord,
): Promise<void> {
  await (existing ? closeExisting : createTables)(changes, catalog, fence);
  const { session } = changes;
  await session.transaction(async () => {
    await proveLease(session, fence.claim);
    await recordJoined(session, fence.claim.run, catalog, joined);
    await failpoint('table.joining');
  });
  await failpoint('table.joined');
}
