// Plan section `convert`: what becomes of types and values where source and target are different engines.

import { z } from 'zod';
import { splitName } from './names.ts';

const byColumn = <Chosen extends z.ZodType<string, string>>(chosen: Chosen) =>
  z
    .record(z.string(), chosen)
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

const EMPTY_TEXTS = ['relaxNotNull', 'sentinel', 'refuse'] as const;

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
    emptyText: z
      .enum(EMPTY_TEXTS)
      .default('relaxNotNull')
      .describe(
        'What becomes of empty texts and bytes in Oracle, which holds them for NULL. `relaxNotNull`: NULL, in columns that are ' +
          'not NOT NULL on the target then; in a key the run stops at the first. `sentinel`: `emptySentinel`; empty bytes ' +
          'become NULL. `refuse`: the run stops at the first.',
      ),
    emptySentinel: z
      .string()
      .min(1)
      .max(10)
      .default(' ')
      .describe(
        'The text that stands for an empty one in Oracle where `emptyText` says so. A row that has this text itself stops the run.',
      ),
    emptyColumns: byColumn(z.enum(EMPTY_TEXTS)).describe(
      'What `emptyText` says, for single columns, by `schema.table.column` of the source: `shop.users.nick: sentinel`.',
    ),
    longestName: z
      .union([z.literal(30), z.literal(128)])
      .default(128)
      .describe(
        'How many bytes a name has in Oracle: 30 before 12.2. A longer one is cut there, and ends with a mark that tells it from others.',
      ),
    columns: byColumn(z.string().trim().min(1)).describe(
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
