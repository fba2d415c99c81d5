// Measures the lag: a marker written to the source is met on the way to the target. It works on an idle source too,
// and it needs no clock but our own. With each one goes a look at the log that the source holds back for us.

import { randomUUID } from 'node:crypto';
import type { SourceLog } from '../databases/source.ts';
import type { RunStatus } from '../observe/status.ts';
import type { ChangeStream } from '../stream/change-stream.ts';
import type { Applier } from './applier.ts';

export interface HeartbeatOptions {
  readonly log: Pick<SourceLog, 'mark' | 'head'>;
  readonly stream: Pick<ChangeStream, 'retainedBytes'>;
  readonly applier: Pick<Applier, 'noteHeartbeat' | 'setHead'>;
  readonly status: RunStatus;
}

/** A probe that writes one heartbeat. */
export function heartbeat({ log, stream, applier, status }: HeartbeatOptions): () => Promise<void> {
  return async () => {
    // Never used before: a marker of an earlier attempt, read again, must not be taken for this one.
    const id = randomUUID();
    applier.noteHeartbeat(id, performance.now());
    await log.mark(`heartbeat:${id}`);
    applier.setHead(await log.head());
    const retained = await stream.retainedBytes();
    status.update((value) => {
      value.stream.retainedBytes = retained ?? null;
    });
  };
}
