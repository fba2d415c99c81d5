// The stages in their order, and nothing else. Preflight comes before there is a journal to ask: see runner/begin.ts.

import { type CatchUpParts, catchUpStage } from './catch-up.ts';
import { type CutoverParts, cutoverStage } from './cutover.ts';
import { type OpenParts, openStage } from './open.ts';
import { type SchemaParts, schemaStage } from './schema.ts';
import { type SnapshotParts, snapshotStage } from './snapshot.ts';
import type { Stage } from './stage.ts';
import { type VerifyParts, verifyStage } from './verify.ts';

/** Done once: their result is on the target. */
export function onceStages(parts: SchemaParts & SnapshotParts): readonly Stage[] {
  return [schemaStage(parts), snapshotStage(parts)];
}

/** Around the running apply, when only a copy is wanted. */
export function copyOnlyStages(parts: CatchUpParts & VerifyParts & OpenParts): readonly Stage[] {
  return [catchUpStage(parts), verifyStage(parts), openStage(parts)];
}

/** Around the running apply. */
export function migrationStages(parts: CatchUpParts & VerifyParts & CutoverParts): readonly Stage[] {
  return [catchUpStage(parts), verifyStage(parts), cutoverStage(parts)];
}
