// Plan section `schema`: who makes the tables on the target, and what happens when those of the source change.

import { z } from 'zod';

export const schemaSchema = z
  .strictObject({
    target: z
      .literal(['create', 'existing'])
      .prefault('create')
      .describe(
        '`create`: the run makes the tables, indexes and constraints of the source. `existing`: the tables were made by ' +
          'hand, perhaps with more indexes and constraints, another order of columns or more columns; they must be ' +
          'empty, and the run makes nothing. Cannot change once the run has begun.',
      ),
    changes: z
      .literal(['stop', 'add-columns'])
      .prefault('stop')
      .describe(
        'What happens when the tables of the source are altered during the run. `stop`: the run stops and says what has ' +
          'changed. `add-columns`: columns that may be NULL, have no default and come last are added on the target as well, ' +
          'in tables with a key; anything else stops the run. Not with `target: existing`.',
      ),
  })
  .prefault({})
  .superRefine(({ target, changes }, context) => {
    if (target === 'existing' && changes === 'add-columns') {
      context.addIssue({ code: 'custom', path: ['changes'], message: 'cannot be add-columns with target: existing' });
    }
  })
  .describe('Who makes the tables on the target, and what happens when those of the source change.');
