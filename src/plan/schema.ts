// Plan section `schema`: who makes the tables on the target.

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
  })
  .prefault({})
  .describe('Who makes the tables on the target.');
