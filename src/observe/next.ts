// What a person can do next about a run that is at work.

import type { StatusSnapshot } from './status.ts';

export interface NextStep {
  /** As it is typed. */
  readonly command: string;
  readonly why: string;
}

/** The most useful first; empty while the run needs nobody. */
export function nextSteps(status: Omit<StatusSnapshot, 'next'>): readonly NextStep[] {
  const { deadLetters, paused, permission, stage, waiting } = status;
  if (stage === 'complete' || stage === 'copied' || stage === 'aborted') return [];
  const steps: NextStep[] = [];
  if (waiting?.includes('migrate cutover --switched') === true) {
    steps.push({ command: 'migrate cutover --switched', why: 'if the applications write to the target' });
    steps.push({ command: 'migrate cutover --undo', why: 'if they write to the source' });
  }
  if (paused.length > 0) steps.push({ command: 'migrate resume', why: 'goes on where it was paused' });
  if (deadLetters.open > 0)
    steps.push({ command: 'migrate dead-letters list', why: 'the target refused changes: there is no cutover before' });
  if (permission.ready && !permission.granted)
    steps.push({ command: 'migrate cutover', why: 'everything else is ready' });
  return steps;
}
