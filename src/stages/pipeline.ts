// The stages in their order, and nothing else. Preflight comes before there is a journal to ask: see runner/begin.ts.

import { type CatchUpParts, catchUpStage } from './catch-up.ts';
import { type CutoverParts, cutoverStage } from './cutover.ts';
import { type SchemaParts, schemaStage } from './schema.ts';
import { type SnapshotParts, snapshotStage } from './snapshot.ts';
import type { Stage } from './stage.ts';
import { type VerifyParts, verifyStage } from './verify.ts';

export type PipelineParts = SchemaParts & SnapshotParts & CatchUpParts & VerifyParts & CutoverParts;

export function pipeline(parts: PipelineParts): readonly Stage[] {
  return [schemaStage(parts), snapshotStage(parts), catchUpStage(parts), verifyStage(parts), cutoverStage(parts)];
}
