// Which side applications can write to, as the two fences say. Pure.

import type { FenceState } from '../databases/fence.ts';

/** Never both: the target opens only after the source was closed for good. */
export function writableSide(source: FenceState, target: FenceState): 'source' | 'target' | 'none' {
  if (source.kind === 'absent' || source.kind === 'open' || (source.kind === 'closed' && source.expired))
    return 'source';
  // A source that is closed for a while only is still the one to go back to, whatever the target's fence says.
  if (source.kind === 'closed') return 'none';
  return target.kind === 'open' || target.kind === 'absent' ? 'target' : 'none';
}
