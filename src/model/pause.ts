// What an operator can hold: the whole run, or one of the parts that load a server. What a critical reading holds, only an operator
// lets go.

export const PAUSABLE = ['run', 'snapshot', 'apply', 'critical'] as const;

export type Pausable = (typeof PAUSABLE)[number];

export interface PauseRequest {
  readonly verb: 'pause' | 'resume';
  readonly part: Pausable;
}

/** As a person types it. */
export function pauseCommandText({ verb, part }: PauseRequest): string {
  return part === 'run' ? verb : `${verb} --only ${part}`;
}

/** As a journal keeps it; `''` when nothing is held. */
export function pauseText(paused: Iterable<Pausable>): string {
  return [...paused].join();
}

/** What is held when `part` is held, too. */
export function pausing(paused: readonly Pausable[], part: Pausable): readonly Pausable[] {
  return PAUSABLE.filter((each) => each === part || paused.includes(each));
}

/** What is still held; whoever lets the run go lets everything go. */
export function resuming(paused: readonly Pausable[], part: Pausable): readonly Pausable[] {
  return part === 'run' ? [] : paused.filter((each) => each !== part);
}

const REASONS: Readonly<Record<Pausable, string>> = {
  run: 'paused by the operator',
  snapshot: 'the copy is paused by the operator',
  apply: 'the apply is paused by the operator',
  critical: 'paused until `migrate resume`, because a reading was critical',
};

/** For people. */
export function pauseReason(part: Pausable): string {
  return REASONS[part];
}

export function readPauses(text: string | null | undefined): readonly Pausable[] {
  return PAUSABLE.filter((part) => (text ?? '').split(',').includes(part));
}
