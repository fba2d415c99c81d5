// What was asked, as a person would have typed it: for the audit trail, whoever asked and how.

import type { LetterRequest } from '../control/controls.ts';
import type { ThrottleRequest } from '../model/throttle.ts';

const MOST_IDS = 20;
const MEGABYTE = 1_048_576;

/** Of the ids only the first are named. */
export function letterCommandText(request: LetterRequest): string {
  const { verb, ids } = request;
  const table = verb === 'retry' ? request.table : undefined;
  const which = [...(ids === undefined ? [] : [idsText(ids)]), ...(table === undefined ? [] : [`--table ${table}`])];
  return `dead-letters ${verb} ${which.length === 0 ? '--all' : which.join(' ')}`;
}

export function idsText(ids: readonly number[]): string {
  const shown = ids.slice(0, MOST_IDS).join(' ');
  return ids.length > MOST_IDS ? `${shown} and ${ids.length - MOST_IDS} more` : shown;
}

export function throttleCommandText({ apply = {}, snapshot = {}, asPlanned = false }: ThrottleRequest): string {
  const flags = Object.entries({ apply, snapshot }).flatMap(
    ([part, { rowsPerSecond, bytesPerSecond, batchPauseMs }]) => [
      flag(`--${part}-rows`, rowsPerSecond),
      flag(`--${part}-mb`, bytesPerSecond == null ? bytesPerSecond : Math.round((bytesPerSecond / MEGABYTE) * 10) / 10),
      flag(`--${part}-pause`, batchPauseMs),
    ],
  );
  return ['throttle', asPlanned ? '--as-planned' : '', ...flags].filter((each) => each !== '').join(' ');
}

function flag(name: string, value: number | null | undefined): string {
  return value === undefined ? '' : `${name} ${value ?? 'off'}`;
}
