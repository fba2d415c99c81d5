// Measures the lag: a marker written to the source is met on the way to the target. It works on an idle source too,
// and it needs no clock but our own.

import type { SourceLog } from '../databases/source.ts';
import type { Applier } from './applier.ts';

/** A probe that writes one heartbeat. */
export function heartbeat(log: Pick<SourceLog, 'mark' | 'head'>, applier: Applier): () => Promise<void> {
  let count = 0;
  return async () => {
    const id = `${process.pid}.${++count}`;
    applier.noteHeartbeat(id, performance.now());
    await log.mark(`heartbeat:${id}`);
    applier.setHead(await log.head());
  };
}
