// The first plan for two databases, as a commented file. Passwords become references to variables.

import { ENGINES, TARGETS } from './endpoint.ts';
import { type Interpolated, interpolate } from './interpolate.ts';

/** What the databases say, where they could be asked. */
export interface DraftSurvey {
  /** `schema.name`, with what a person should know. */
  readonly tables: readonly { readonly name: string; readonly schema: string; readonly note: string }[];
  /** Names of tables that preflight refuses, with the reason. */
  readonly refused: readonly { readonly name: string; readonly why: string }[];
  /** Why there is nothing above, or what else is to be done; for a comment. */
  readonly remark: string;
}

export interface DraftUrl {
  /** Without a password. */
  readonly url: string;
  /** The variable that holds the password, as it stands in a url; undefined when there was none. */
  readonly variable: { readonly name: string; readonly value: string } | undefined;
}

/** A url as typed, without its password; references in it are kept. Undefined when it cannot be read. */
export function draftUrl(text: string, variable: string): DraftUrl | undefined {
  if (text.includes('${')) return referring(text, variable);
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  url.searchParams.delete('password');
  const { password } = url;
  if (password === '') return { url: url.href, variable: undefined };
  // The parser would encode the braces.
  url.password = 'P';
  const reference = url.href.replace(':P@', () => `:\${${variable}}@`);
  return { url: reference, variable: { name: variable, value: password } };
}

// A parser would take the braces for special characters.
const PASSWORD = /^([^:/?#]+:\/\/[^:@/?#]*:)([^@/?#${}]+)(?=@)/;

/** A password that stands beside the references of somebody's own. */
function referring(text: string, variable: string): DraftUrl {
  const value = PASSWORD.exec(text)?.[2];
  if (value === undefined) return { url: text, variable: undefined };
  return {
    url: text.replace(PASSWORD, (_, before: string) => `${before}\${${variable}}`),
    variable: { name: variable, value },
  };
}

/** A name for the run, from that of the source's database. */
export function draftName(url: string, env: Readonly<Record<string, string | undefined>>): string {
  const { text }: Interpolated = interpolate(url, '.', env);
  const path = URL.canParse(text) ? new URL(text).pathname.slice(1).replace(/%[0-9a-f]{2}/gi, '-') : '';
  const name = path
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40);
  return name === '' ? 'migration' : name;
}

export interface Draft {
  readonly name: string;
  readonly source: DraftUrl;
  readonly target: DraftUrl;
  readonly survey: DraftSurvey;
}

export function draftPlan({ name, source, target, survey }: Draft): string {
  const [from, to] = [endpointOf(source), endpointOf(target)];
  return `# A migration plan. Every field is explained in docs/plan.md.
#   migrate check FILE    says what is missing, changes nothing
#   migrate grants FILE   prints the rights that the roles of both urls need
#   migrate run FILE      starts, and goes on after any interruption

version: 1
name: ${quoted(name)}

# \${NAME} is an environment variable, \${NAME:-default} has a default, \${file:path} is the content of a file.
# Special characters in user and password are percent-encoded. Keep passwords out of this file.
source:
  kind: ${from.kind}
  url: ${quoted(from.url)}
target:
  kind: ${to.kind}
  url: ${quoted(to.url)}

${tablesPart(survey, from.database)}
# Chunks copied at once, and lanes that apply changes at once; each takes a connection on either side.
snapshot:
  readers: 2
apply:
  lanes: 2

cutover:
  # manual: \`migrate cutover\` starts it; until then the target follows the source. auto: as soon as all is verified.
  when: manual
  # The longest the source may stay closed to writes; then it opens by itself and the cutover is tried again.
  budget: 10s
  # What makes the applications follow, while both sides are closed. Without it they notice by themselves.
  # switch:
  #   - kind: command
  #     run: [./switch-applications.sh, new-server]
  #     undo: [./switch-applications.sh, old-server]
  # There is no way back after the cutover; a plan has to say so.
  reverse: off
`;
}

interface DraftEndpoint {
  readonly kind: string;
  readonly url: string;
  /** The database that a url names although a plan has it among its tables; '' for none. */
  readonly database: string;
}

function endpointOf({ url }: DraftUrl): DraftEndpoint {
  const protocol = /^[a-z]+/.exec(url)?.[0];
  const kind = [...ENGINES, ...TARGETS].find((engine) => engine === protocol) ?? 'postgres';
  const path = kind === 'postgres' || kind === 'oracle' ? null : /^([a-z]+:\/\/[^/?#]*)\/([^/?#]+)/.exec(url);
  if (path === null) return { kind, url, database: '' };
  const [all, server = '', database = ''] = path;
  return { kind, url: `${server}/${url.slice(all.length)}`, database };
}

function tablesPart({ tables, refused, remark }: DraftSurvey, database: string): string {
  const found = [...new Set(tables.map(({ schema }) => schema))];
  const schemas = found.length === 0 && database !== '' ? [database] : found;
  const plain = schemas.length > 0 && schemas.every((schema) => /^[a-z0-9_]+$/.test(schema));
  const include = plain ? schemas.map((schema) => `${schema}.*`) : ['*.*'];
  const lines = [
    '# Patterns over schema.name (MySQL: database.name); * is any text. Tables that are left out stay where they are.',
    ...(remark === '' ? [] : [`# ${flat(remark)}`]),
    'tables:',
    `  include: [${include.map(quoted).join(', ')}]`,
    ...tables.map(({ name, note }) => `  #   ${flat(name)}${note === '' ? '' : `: ${flat(note)}`}`),
    '  exclude: []',
    ...(refused.length === 0 ? [] : ['  # Refused as they are; migrate check prints the cures:']),
    ...refused.map(({ name, why }) => `  #   ${flat(name)}: ${flat(why)}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** A YAML string in double quotes takes JSON. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

/** A line break would end a comment. */
function flat(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}
