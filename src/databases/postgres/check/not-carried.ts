// What a run leaves behind, each kind with the command that carries it. $SOURCE and $TARGET stand for the two urls.

import { infoFinding } from './facts.ts';
import type { SourceCheck } from './source-subject.ts';

type Cure = (names: readonly string[]) => string;

/** Relations: pg_dump takes their names, and their indexes, comments and rights come along. */
const relations: Cure = (names) =>
  `pg_dump --schema-only ${names.map((name) => `-t ${shell(name)}`).join(' ')} "$SOURCE" | psql "$TARGET"`;

/** Everything else is picked by its kind from the list of an archive; what exists already is passed over with a message. */
const entries =
  (kinds: string): Cure =>
  () =>
    'pg_dump --schema-only -Fc -f schema.dump "$SOURCE" && ' +
    `pg_restore -l schema.dump | grep -E '^[0-9]+; [0-9]+ [0-9]+ (${kinds}) ' > schema.list && ` +
    'pg_restore -L schema.list -d "$TARGET" schema.dump';

const statements =
  (text: (name: string) => string): Cure =>
  (names) =>
    names.map(text).join(' ');

/** The parts of `role of table`, `role of schema name` and `extension in schema`: the first is a quoted name or a plain one. */
const PARTS = /^((?:"[^"]*")+|\S+) (?:of|in) (.*)$/s;

const owners: Cure = (names) => {
  const changes = names.map((name) => {
    const [, role = '', object = ''] = PARTS.exec(name) ?? [];
    const isSchema = object.startsWith('schema ');
    return `ALTER ${isSchema ? `SCHEMA ${object.slice('schema '.length)}` : `TABLE ${object}`} OWNER TO ${role};`;
  });
  return `${changes.join(' ')} -- until the run is complete, its role must be a member of these`;
};

const routines = entries('FUNCTION|PROCEDURE|AGGREGATE');
const types = entries('DOMAIN|TYPE');

const CURES: Readonly<Record<string, Cure>> = {
  view: relations,
  'materialized view': relations,
  'foreign table': relations,
  function: routines,
  procedure: routines,
  aggregate: routines,
  'unused domain': types,
  'unused enum': types,
  'unused composite type': types,
  'unused range type': types,
  trigger: entries('TRIGGER'),
  rule: entries('RULE'),
  policy: entries('POLICY|ROW SECURITY'),
  statistics: entries('STATISTICS'),
  'invalid index': statements((name) => `REINDEX INDEX CONCURRENTLY ${name.replace(/ on .*$/, '')};`),
  extension: statements((name) => {
    const [, extension = '', schema = ''] = PARTS.exec(name) ?? [];
    return `CREATE EXTENSION IF NOT EXISTS ${extension} SCHEMA ${schema};`;
  }),
  'row security': statements((name) => `ALTER TABLE ${name.replace(/^of /, '')} ENABLE ROW LEVEL SECURITY;`),
  'forced row security': statements((name) => `ALTER TABLE ${name.replace(/^of /, '')} FORCE ROW LEVEL SECURITY;`),
  owner: owners,
  privileges: entries('ACL|DEFAULT ACL'),
  publication: entries('PUBLICATION|PUBLICATION TABLE'),
  subscription: entries('SUBSCRIPTION'),
  'event trigger': entries('EVENT TRIGGER'),
  tablespace: statements(
    (name) => `ALTER TABLE ${name.replace(/^.* of /, '')} SET TABLESPACE ${name.replace(/ of .*$/, '')};`,
  ),
};

/** One finding per kind, with all names: they must be made by hand before the applications need them. */
export const notCarried: SourceCheck = async ({ catalog }) => {
  const groups = new Map<string, string[]>();
  for (const object of catalog.notCarried) {
    const kind = Object.keys(CURES).find((prefix) => object.startsWith(`${prefix} `)) ?? 'object';
    const names = groups.get(kind) ?? [];
    names.push(object.slice(kind === 'object' ? 0 : kind.length + 1));
    groups.set(kind, names);
  }
  return [...groups].map(([kind, names]) => {
    const cure = CURES[kind]?.(names);
    return infoFinding({
      code: 'NOT_CARRIED',
      subject: kind,
      message: `not carried; make them on the target before the cutover where they are needed: ${names.join(', ')}`,
      ...(cure === undefined ? {} : { cure }),
    });
  });
};

function shell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
