// Plan section `convert`: what becomes of types and values where source and target are different engines.

import { z } from 'zod';
import { splitName } from './names.ts';

const columnsSchema = z
  .record(z.string(), z.string().trim().min(1))
  .prefault({})
  .superRefine(
    (columns, context) => {
      for (const name of Object.keys(columns)) {
        if (splitName(name)?.length === 3) continue;
        const message =
          'is not a column: it must be schema.table.column; a backslash takes the character after it as it is';
        context.addIssue({ code: 'custom', path: [name], message });
      }
    },
    { when: ({ value }) => typeof value === 'object' && value !== null && !Array.isArray(value) },
  );

export const convertSchema = z
  .strictObject({
    zeroDates: z
      .enum(['refuse', 'setNull'])
      .default('refuse')
      .describe(
        'What becomes of dates of MySQL with a zero for the year, month or day, which PostgreSQL does not have. `refuse`: the ' +
          'run stops at the first. `setNull`: NULL, in columns that are not NOT NULL on the target then. A column that ' +
          '`columns` makes a text keeps them.',
      ),
    tinyint1: z
      .enum(['smallint', 'boolean'])
      .default('smallint')
      .describe(
        'What `tinyint(1)` of MySQL becomes in PostgreSQL. With `boolean` a value other than 0 and 1 stops the run.',
      ),
    json: z
      .enum(['json', 'jsonb'])
      .default('json')
      .describe(
        'What `json` of MySQL becomes in PostgreSQL. `json` keeps the text as MySQL prints it; `jsonb` orders keys and writes ' +
          'numbers its own way, and is compared by what it means.',
      ),
    caseInsensitive: z
      .enum(['distinct', 'icu'])
      .default('distinct')
      .describe(
        'What becomes in PostgreSQL of texts that a collation of MySQL holds to be equal, such as `a` and `A`, where they are ' +
          'part of a key, a unique constraint or a foreign key. `distinct`: they are different there, so that a key lets in ' +
          'more. `icu`: their columns get a collation of ICU that ignores the same, made in the first schema of the run.',
      ),
    columns: columnsSchema.describe(
      'The type of single columns on the target, by `schema.table.column` of the source: `shop.orders.paid: boolean`, ' +
        '`shop.users.id: uuid`, `public.notes.title: varchar(400)`. Only types that can hold the values without a loss are ' +
        'taken; what a value of the source does not fit stops the run. A dot within a name is written with a backslash before it.',
    ),
  })
  .prefault({})
  .describe(
    'What becomes of types and values where source and target are different engines; without a meaning between two ' +
      'databases of PostgreSQL. Cannot change once the run has begun.',
  );
