// Plan section `tables`: which tables move, and what they are called on the target.

import { z } from 'zod';
import { readName } from './names.ts';

const pattern = z
  .string()
  .regex(/^.+\..+$/s, { error: 'must be a pattern over schema.name, such as shop.* or *.orders' });

const WRITTEN = 'must be schema.name or schema.*; a backslash takes the character after it as it is';

const written = z.string().refine((text) => readName(text) !== undefined, { error: WRITTEN });

const columnName = z.string().min(1);

const renamed = z.union(
  [
    written,
    z.strictObject({
      to: written.optional(),
      columns: z.record(columnName, columnName).prefault({}),
    }),
  ],
  { error: 'must be a name such as store.orders or store.*, or a section with `to`, `columns` or both' },
);

const mapSchema = z
  .record(z.string(), renamed)
  .prefault({})
  .superRefine(
    (map, context) => {
      const wrong = new Set(context.issues.map(({ path }) => path?.[0]));
      for (const [from, entry] of Object.entries(map)) {
        if (wrong.has(from)) continue;
        const message = mapFault(from, typeof entry === 'string' ? { to: entry, columns: {} } : entry);
        if (message !== undefined) context.addIssue({ code: 'custom', path: [from], message });
      }
    },
    // Also when an entry is wrong in itself: all faults are told at once.
    { when: ({ value }) => typeof value === 'object' && value !== null && !Array.isArray(value) },
  )
  .transform((map) =>
    Object.fromEntries(
      Object.entries(map).map(([from, entry]) => [
        from,
        typeof entry === 'string' ? { to: entry, columns: {} } : { to: entry.to ?? null, columns: entry.columns },
      ]),
    ),
  );

function mapFault(
  from: string,
  { to, columns }: { readonly to?: string | undefined; readonly columns: Readonly<Record<string, string>> },
): string | undefined {
  const source = readName(from);
  if (source === undefined) return `is not a name: it ${WRITTEN}`;
  const target = to === undefined ? undefined : readName(to);
  if (source.name !== null) {
    return to === undefined && Object.keys(columns).length === 0
      ? 'changes nothing; give it `to` or `columns`'
      : undefined;
  }
  if (Object.keys(columns).length > 0) return 'must name one table to rename columns';
  return target === undefined || target.name !== null ? 'must be given another schema, such as store.*' : undefined;
}

export const tablesSchema = z
  .strictObject({
    include: z
      .array(pattern)
      .min(1)
      .prefault(['*.*'])
      .describe(
        'Patterns over `schema.name`, `database.name` on MySQL and MariaDB; `*` stands for any text, `?` for one character, ' +
          'and a backslash takes the character after it as it is. System schemas and `migrate` never match.',
      ),
    exclude: z
      .array(pattern)
      .prefault([])
      .describe('Patterns of tables to leave out. An exclude wins over an include.'),
    map: mapSchema.describe(
      'What the target calls things, where it is something else: `shop.*: store.*` for a schema with its sequences and ' +
        'types, `shop.orders: store.purchases` for a table, which wins over that of its schema; `{ to, columns: { old: new ' +
        '} }` renames columns as well. The first dot divides; a backslash takes the character after it as it is.',
    ),
  })
  .prefault({})
  .describe(
    'Which tables move, and what they become. Cannot change once the run has begun, but for naming tables that joined it.',
  );

/** What the target calls things, by `schema.name` or `schema.*` of the source. `to` is null where only columns change. */
export type NameMap = Readonly<
  Record<string, { readonly to: string | null; readonly columns: Readonly<Record<string, string>> }>
>;
