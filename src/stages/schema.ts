// Creates the target's tables with their primary keys only, closed to everyone but the run itself.

import type { Target } from '../databases/target.ts';
import type { Catalog } from '../model/catalog.ts';
import type { Stage } from './stage.ts';

export interface SchemaParts {
  readonly target: Target;
  readonly catalog: Catalog;
}

export function schemaStage({ target, catalog }: SchemaParts): Stage {
  return {
    name: 'schema',
    always: false,
    run: async () => {
      await target.create(catalog);
      return { tables: catalog.tables.length, notCarried: catalog.notCarried };
    },
  };
}
