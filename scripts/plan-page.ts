// docs/plan.md and schema/plan.schema.json, from the plan's schema.

import type { z } from 'zod';
import { planJsonSchema } from '../src/plan/plan.ts';
import { heading, table } from './markdown.ts';

type Schema = z.core.JSONSchema.BaseSchema;

interface Field {
  readonly path: string;
  readonly schema: Schema;
  readonly required: boolean;
}

const INTRODUCTION = `A plan is a YAML file. \`migrate\` looks for \`./migrate.yaml\`, then \`./migrate.yml\`, then the file named by
\`$MIGRATE_PLAN\`. There is an example for each pair of databases in [plans](../plans); editors complete and check
plans with the line \`# yaml-language-server: $schema=…/schema/plan.schema.json\`.

- All faults are reported at once, as \`file:line:column message\`. Unknown keys are faults. YAML anchors and aliases are refused.
- The YAML version is 1.2: \`no\`, \`off\` and \`2026-01-01\` are text, \`012\` is twelve.
- Durations: \`500ms\`, \`30s\`, \`5m\`, \`2h\`. Sizes: \`64KB\`, \`8MB\`, \`1GB\`, where 1KB is 1024 bytes.
- \`\${NAME}\` stands for an environment variable, \`\${NAME:-default}\` has a default for when it is unset or empty,
  \`\${file:path}\` is the content of a file without its last line break (relative paths start at the plan's folder),
  \`$\${\` is a literal \`\${\`. They work in values, not in keys, and an unset variable is a fault.
  What they hold is taken as it is: in a url, special characters of user and password must be percent-encoded.
- Passwords, the contents of \`\${file:…}\`, and variables whose names say that they are secret never appear in any output.
- \`tables\`, \`schema.target\`, \`convert\`, \`stream.via\` and the kinds of both databases stay as they are for the life of a run. Everything else may change
  whenever the command is run again.
`;

export function planSchemaFile(): string {
  return `${JSON.stringify(planJsonSchema(), null, 2)}\n`;
}

export function planPage(): string {
  const root = planJsonSchema();
  const fields = fieldsOf(root, '');
  const plain = fields.filter(({ schema }) => schema.type !== 'object');
  const sections = fields.filter(({ schema }) => schema.type === 'object').map((field) => sectionText(field));
  const kinds = plain.flatMap((field) => kindsText(field));
  return [
    heading('The plan', 'src/plan'),
    INTRODUCTION,
    '## Top level\n',
    fieldTable(plain),
    ...kinds,
    ...sections,
  ].join('\n');
}

function sectionText({ path, schema }: Field, level = '##'): string {
  const fields = fieldsOf(schema, path);
  const kinds = fields.flatMap((field) => kindsText(field));
  const inner = fields.filter((field) => field.schema.properties !== undefined);
  const sections = inner.map((field) => sectionText(field, `${level}#`));
  return [`${level} ${path}\n`, `${schema.description}\n`, fieldTable(fields), ...kinds, ...sections].join('\n');
}

/** A list of entries of several kinds gets one table per kind. */
function kindsText({ path, schema }: Field): readonly string[] {
  const kinds = (schema.items as Schema | undefined)?.oneOf ?? [];
  return (kinds as readonly Schema[]).map((kind) => {
    const name = (kind.properties?.kind as Schema | undefined)?.const;
    return [
      `### ${path} entry of kind ${String(name)}\n`,
      `${kind.description}\n`,
      fieldTable(fieldsOf(kind, '')),
    ].join('\n');
  });
}

function fieldsOf(schema: Schema, prefix: string): readonly Field[] {
  return Object.entries(schema.properties ?? {}).map(([name, inner]) => ({
    path: prefix === '' ? name : `${prefix}.${name}`,
    schema: inner as Schema,
    required: schema.required?.includes(name) ?? false,
  }));
}

function fieldTable(fields: readonly Field[]): string {
  return table(
    ['field', 'default', 'meaning'],
    fields.map((field) => [`\`${field.path}\``, defaultText(field), field.schema.description ?? '']),
  );
}

function defaultText({ schema, required }: Field): string {
  if (required) return '_required_';
  if (schema.default === undefined) return '';
  return `\`${typeof schema.default === 'string' ? schema.default : JSON.stringify(schema.default)}\``;
}
