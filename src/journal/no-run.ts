// What is said where a run is meant that the journal does not know.

import { MigrateError } from '../lib/errors.ts';

export function noRun(name: string): MigrateError {
  return new MigrateError('RUN.NONE', `there is no run named ${name} on the target`);
}
