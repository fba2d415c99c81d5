// What `health.source.replicas` and `health.target.replicas` must be, which another section decides.

import type { Side } from '../model/side.ts';
import { isUrlOf } from './endpoint.ts';
import type { Plan } from './plan.ts';

export interface ReplicaFault {
  readonly path: readonly (string | number)[];
  readonly text: string;
}

type Sections = Pick<Plan, 'source' | 'target' | 'health'>;

export function replicaFaults(plan: Sections): readonly ReplicaFault[] {
  return (['source', 'target'] as const).flatMap((side) => faultsOf(side, plan));
}

function faultsOf(side: Side, { [side]: { kind }, health }: Sections): readonly ReplicaFault[] {
  const { replicas, replicaLag } = health[side];
  const path = ['health', side, 'replicas'];
  const name = path.join('.');
  if (replicas.length === 0) return [];
  if (kind === 'oracle') return [{ path, text: `${name} cannot be read of Oracle` }];
  if (replicaLag === 'off') return [{ path, text: `${name} needs a limit in health.${side}.replicaLag` }];
  return replicas.flatMap((url, index) =>
    isUrlOf(kind, url)
      ? []
      : [{ path: [...path, index], text: `${name}[${index}] must be a url of the form of ${side}.url` }],
  );
}
