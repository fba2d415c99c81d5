// Checks the rows against the foreign keys that were made last, while applications already write to the target.

import type { Target } from '../databases/target.ts';
import type { Catalog } from '../model/catalog.ts';
import type { Log } from '../observe/log.ts';
import type { RunStatus } from '../observe/status.ts';
import type { Stage } from './stage.ts';

export interface ForeignKeysParts {
  readonly target: Target;
  readonly catalog: Catalog;
  readonly status: RunStatus;
  readonly log: Log;
}

/** Does nothing where foreign keys could be built before. A violated one is told, not fatal: its rows came from the source. */
export function foreignKeysStage({ target, catalog, status, log }: ForeignKeysParts): Stage {
  return {
    name: 'foreign-keys',
    always: true,
    run: async () => {
      const result = await target.foreignKeys.validate(catalog, (subject) => {
        status.waitsFor(`checking ${subject}`);
        log.info('checking', { subject });
      });
      for (const subject of result.notValid) log.warn('rows violate a foreign key', { subject });
      status.waitsFor(null);
      return { ...result };
    },
  };
}
