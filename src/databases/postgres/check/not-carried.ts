// What a run leaves behind, each kind with what carries it: statements of its own, or for all the others one command.
// $SOURCE and $TARGET stand for the two urls.

import { infoFinding } from '../../findings.ts';
import type { SourceCheck } from './source-subject.ts';

type Cure = (names: readonly string[]) => string;

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

/** The one kind that is cured on the source, whatever the target is. */
const ON_SOURCE = 'invalid index';

const CURES: Readonly<Record<string, Cure>> = {
  [ON_SOURCE]: statements((name) => `REINDEX INDEX CONCURRENTLY ${name.replace(/ on .*$/, '')};`),
  extension: statements((name) => {
    const [, extension = '', schema = ''] = PARTS.exec(name) ?? [];
    return `CREATE EXTENSION IF NOT EXISTS ${extension} SCHEMA ${schema};`;
  }),
  'row security': statements((name) => `ALTER TABLE ${name.replace(/^of /, '')} ENABLE ROW LEVEL SECURITY;`),
  'forced row security': statements((name) => `ALTER TABLE ${name.replace(/^of /, '')} FORCE ROW LEVEL SECURITY;`),
  owner: owners,
  tablespace: statements(
    (name) => `ALTER TABLE ${name.replace(/^.* of /, '')} SET TABLESPACE ${name.replace(/ of .*$/, '')};`,
  ),
};

/** What pg_dump calls the others in the list of an archive; those without a schema have a dash in its place. */
const ENTRIES: Readonly<Record<string, { readonly entries: string; readonly noSchema?: true }>> = {
  view: { entries: 'VIEW' },
  'materialized view': { entries: 'MATERIALIZED VIEW' },
  'foreign table': { entries: 'FOREIGN TABLE' },
  function: { entries: 'FUNCTION' },
  procedure: { entries: 'PROCEDURE' },
  aggregate: { entries: 'AGGREGATE' },
  'unused domain': { entries: 'DOMAIN' },
  'unused enum': { entries: 'TYPE' },
  'unused composite type': { entries: 'TYPE' },
  'unused range type': { entries: 'TYPE' },
  trigger: { entries: 'TRIGGER' },
  rule: { entries: 'RULE' },
  policy: { entries: 'POLICY|ROW SECURITY' },
  statistics: { entries: 'STATISTICS' },
  privileges: { entries: 'ACL|DEFAULT ACL', noSchema: true },
  publication: { entries: 'PUBLICATION|PUBLICATION TABLE', noSchema: true },
  subscription: { entries: 'SUBSCRIPTION', noSchema: true },
  'event trigger': { entries: 'EVENT TRIGGER', noSchema: true },
};

const WITHOUT_EFFECT =
  'before the cutover if the role of the target may set session_replication_role and they are not ENABLE ALWAYS or REPLICA, else after it,';

/** What acts on the rows that the run writes, writes what the source does not have: the run refuses to go on with it. */
const WHEN: Readonly<Record<string, string>> = { trigger: WITHOUT_EFFECT, rule: WITHOUT_EFFECT };

/** Of another engine no session of the run can switch them off. */
const WHEN_FOREIGN: Readonly<Record<string, string>> = { trigger: 'after the cutover', rule: 'after the cutover' };

/** One finding per kind, with all names: they must be made by hand before the applications need them. */
export const notCarried: SourceCheck = async ({ catalog, context }) => {
  const { targetExtensions = () => Promise.resolve([]) } = context;
  const extensions = await targetExtensions();
  // Another engine has no use for extensions, and none of these statements is in its language.
  const isForeign = extensions === undefined;
  const there = new Set(extensions);
  const groups = grouped(catalog.notCarried.filter((object) => !isThere(object, there)));
  if (isForeign) groups.delete('extension');
  const findings = [...groups].map(([kind, names]) => {
    const cure = isForeign && kind !== ON_SOURCE ? undefined : CURES[kind]?.(names);
    return infoFinding({
      code: 'NOT_CARRIED',
      subject: kind,
      message: `not carried; make them on the target ${(isForeign ? WHEN_FOREIGN : WHEN)[kind] ?? 'before the cutover'} where they are needed: ${names.join(', ')}`,
      ...(cure === undefined ? {} : { cure }),
    });
  });
  const dumped = [...groups.keys()].filter((kind) => kind in ENTRIES);
  if (isForeign || dumped.length === 0) return findings;
  const views = groups.get('materialized view') ?? [];
  const all = infoFinding({
    code: 'NOT_CARRIED',
    subject: 'all at once',
    message:
      `these commands carry what is listed of ${dumped.join(', ')}, once the run has made its tables; what exists already` +
      ` is passed over with a message${groups.has('owner') ? '. Give the command for owners first: what is made may need their rights' : ''}${views.length === 0 ? '' : '. Materialized views are filled by the last one: give it again just before the cutover'}`,
    cure: [...dumpAll(dumped, catalog.schemas), ...fillViews(views)].join('\n'),
  });
  return [...findings, all];
};

function isThere(object: string, extensions: ReadonlySet<string>): boolean {
  const [, name = ''] = /^extension (.*)$/s.exec(object) ?? [];
  return extensions.has(PARTS.exec(name)?.[1] ?? '');
}

function grouped(objects: readonly string[]): Map<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  const kinds = [...Object.keys(CURES), ...Object.keys(ENTRIES)];
  for (const object of objects) {
    const kind = kinds.find((prefix) => object.startsWith(`${prefix} `)) ?? 'object';
    const names = groups.get(kind) ?? [];
    names.push(object.slice(kind === 'object' ? 0 : kind.length + 1));
    groups.set(kind, names);
  }
  return groups;
}

/** Picked from the list of an archive by kind and schema: on the command line pg_dump takes tables and views only. */
function dumpAll(kinds: readonly string[], schemas: readonly string[]): readonly string[] {
  const found = kinds.flatMap((kind) => ENTRIES[kind] ?? []);
  const names = schemas.map((schema) => schema.replace(/[^\w ]/g, '\\$&')).join('|');
  const places = [`(${alternatives(found)}|ACL|COMMENT) (${names})`];
  const elsewhere = found.filter(({ noSchema }) => noSchema);
  if (elsewhere.length > 0) places.push(`(${alternatives(elsewhere)}) -`);
  return [
    'pg_dump --schema-only -Fc -f schema.dump "$SOURCE"',
    `pg_restore -l schema.dump | grep -E ${shell(`^[0-9]+; [0-9]+ [0-9]+ (${places.join('|')}) `)} > schema.list`,
    'pg_restore -L schema.list -d "$TARGET" schema.dump',
  ];
}

function alternatives(found: readonly { readonly entries: string }[]): string {
  return [...new Set(found.map(({ entries }) => entries))].join('|');
}

/** Their indexes, which no list tells from those of tables, and their rows. */
function fillViews(views: readonly string[]): readonly string[] {
  if (views.length === 0) return [];
  return [
    `pg_dump --schema-only --section=post-data ${views.map((name) => `-t ${shell(name)}`).join(' ')} "$SOURCE" | psql "$TARGET"`,
    `psql "$TARGET" ${views.map((name) => `-c ${shell(`REFRESH MATERIALIZED VIEW ${name};`)}`).join(' ')}`,
  ];
}

function shell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
