// Plan section `tables`: which tables move.

import { z } from 'zod';

const pattern = z
  .string()
  .regex(/^.+\..+$/, { error: 'must be a pattern over schema.name, such as shop.* or *.orders' });

export const tablesSchema = z
  .strictObject({
    include: z
      .array(pattern)
      .min(1)
      .prefault(['*.*'])
      .describe(
        'Patterns over `schema.name`; `*` stands for any text. System schemas and the schema `migrate` never match.',
      ),
    exclude: z
      .array(pattern)
      .prefault([])
      .describe('Patterns of tables to leave out. An exclude wins over an include.'),
  })
  .prefault({})
  .describe('Which tables move. Cannot change once the run has begun.');
