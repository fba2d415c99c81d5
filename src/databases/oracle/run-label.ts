// How others tell which sessions of a server belong to a run: by the module and the action that each one states.

import { createHash } from 'node:crypto';
import type { Side } from '../../model/side.ts';

/** What the module of our sessions begins with; their own id follows. */
export const MODULE = 'migrate/';

/** A server can be the source of one run and the target of another of the same name. */
export interface RunSide {
  readonly run: string;
  readonly side: Side;
}

/** The action of a run's sessions: at most 32 bytes, as servers before 12.2 take them. */
export function runLabel({ run, side }: RunSide): string {
  const readable = run.replace(/[^\w-]/g, '_').slice(0, 12);
  return `${readable} ${side} ${digest(`${side}/${run}`)}`;
}

/** The action of a session that waits for the lock of a run, or has it. Of its id as much as there is room for. */
export function lockLabel(run: string, id: string, isHeld: boolean): string {
  return `${heldPrefix(run, isHeld)}${id.slice(0, 12)}`;
}

/** What the action of whoever has the lock of a run begins with. */
export function heldPrefix(run: string, isHeld = true): string {
  return `${isHeld ? 'lease' : 'waits'} ${digest(run)} `;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
