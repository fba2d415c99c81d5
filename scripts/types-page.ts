// docs/types.md, from the table of types that the contract tests take through every part of a run.

import { TYPE_GROUPS, type TypeEntry } from '../test/contract/types-fixture.ts';
import { heading, table } from './markdown.ts';

const LONGEST = 48;

export function typesPage(): string {
  const sections = TYPE_GROUPS.map(({ title, note, entries }) =>
    [
      `## ${title}\n`,
      ...(note === undefined ? [] : [`${note}\n`]),
      table(['type', 'copied as', 'as a key', 'values in the test'], entries.map(row)),
    ].join('\n'),
  );
  return [
    heading('Types', 'test/contract/types-fixture.ts'),
    'Each line is a test: these values, and NULL, go through the copy, through the log as sets and row by row, and through' +
      ' verification, between databases whose defaults for printing values differ. Values travel as the text that the server' +
      ' prints for them; only the copy of a table whose columns all allow it is binary.\n',
    '"As a key" says whether a primary key of the type is tested; a dash means that the type has no order in PostgreSQL, or' +
      ' is refused as a key.\n',
    sections.join('\n'),
    REFUSED,
  ].join('\n');
}

function row({ type, copied, key, values, since }: TypeEntry): readonly string[] {
  const name = since === undefined ? code(type) : `${code(type)} (from PostgreSQL ${since})`;
  return [name, copied, key ? 'yes' : '-', values.map(shown).join(' ')];
}

/** JSON keeps what cannot be seen visible. */
function shown(value: string): string {
  const text = JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"').replaceAll('\\\\', '\\');
  if (text !== text.trim()) return code(`"${text}"`);
  return code(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
}

function code(text: string): string {
  return text === '' ? '(empty)' : `\`${text}\``;
}

const REFUSED = `## Refused

Preflight names the column, the reason and the cure.

- the row type of a table, and types made of one
- a range with a canonical function of its own, and base types written in C that belong to no extension
- \`regproc\` and \`regoper\`; the server's own \`pg_node_tree\`, \`pg_ndistinct\` and the like, which no client can write

## What is not what it seems

- \`xml\`: an encoding declaration is not part of the text that PostgreSQL prints, so it is gone on the target.
- A key of a type of an extension (\`citext\`), of a domain over an enum, a composite type or a range, or of a text with a
  nondeterministic collation does not tell rows apart for the run: the table is carried like one without a key.
- A domain's check that was never validated is made on the target when the rows are there. A row that breaks it and is changed in
  the meantime stops the run, as it would stop the application.
- A type, a label or an extension that changes on the source during a run stops it like any other change of the schema.
`;
