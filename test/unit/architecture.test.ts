// The rules of the source tree, each with its reason. A broken rule is named with the file and the line that breaks it.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

/** Lowest first. A file imports from its own layer and from lower ones. */
const LAYERS: readonly { readonly folders: readonly string[]; readonly reason: string }[] = [
  { folders: ['lib', 'model'], reason: 'values and errors know nothing of what is done with them' },
  {
    folders: ['plan', 'observe', 'journal'],
    reason: 'what a run is told, tells and remembers, whatever the databases are',
  },
  { folders: ['databases', 'stream', 'convert'], reason: 'ports and adapters serve the core and never call it' },
  {
    folders: ['copy', 'apply', 'verify', 'health', 'cutover'],
    reason: 'the work itself speaks to ports, so that it holds for every database',
  },
  { folders: ['stages'], reason: 'a stage puts work in order and is not called by it' },
  { folders: ['report'], reason: 'what is told at the end is read from the journal' },
  { folders: ['control'], reason: 'the socket serves an interface that it declares itself' },
  { folders: ['runner'], reason: 'the runner walks the stages, and serves the interface of the control socket' },
  { folders: ['demo'], reason: 'servers for a trial run; they know nothing of the commands' },
  { folders: ['cli'], reason: 'a command asks an application that it is given' },
  { folders: ['compose', 'compose.ts'], reason: 'the one place that names concrete databases' },
  { folders: ['main.ts'], reason: 'the one place that ends the process' },
];

interface Import {
  readonly from: string;
  readonly specifier: string;
  /** The file in src, or undefined for a package. */
  readonly to: string | undefined;
  readonly typeOnly: boolean;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
const texts = new Map(files.map((name) => [name, readFileSync(join(SRC, name), 'utf8')]));
const imports = files.flatMap((name) => importsOf(name, texts.get(name) ?? ''));

function importsOf(from: string, text: string): readonly Import[] {
  const statements = /^(import|export)(\s+type)?\s(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm;
  const dynamic = /\bimport\('([^']+)'\)/g;
  const made = (specifier: string, typeOnly: boolean): Import => ({
    from,
    specifier,
    to: specifier.startsWith('.') ? normalize(join(dirname(from), specifier)) : undefined,
    typeOnly,
  });
  return [
    ...[...text.matchAll(statements)].map((match) => made(match[3]!, match[2] !== undefined)),
    ...[...text.matchAll(dynamic)].map((match) => made(match[1]!, false)),
  ];
}

const folderOf = (file: string): string => file.split('/')[0]!;
const layerOf = (file: string): number => LAYERS.findIndex(({ folders }) => folders.includes(folderOf(file)));
const shown = ({ from, specifier }: Import): string => `${from} imports ${specifier}`;

/** `file:line text` of every line of code, comments left out, that matches. */
function lines(pattern: RegExp, except: readonly string[] = []): readonly string[] {
  return files
    .filter((name) => !except.includes(name))
    .flatMap((name) =>
      withoutComments(texts.get(name) ?? '')
        .split('\n')
        .flatMap((line, index) => (pattern.test(line) ? [`${name}:${index + 1} ${line.trim()}`] : [])),
    );
}

function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ''))
    .replace(/(^|\s)\/\/ .*$/gm, '$1');
}

describe('imports', () => {
  it('are found', () => {
    expect(imports.length).toBeGreaterThan(files.length);
    expect(
      importsOf('a/b.ts', "import {\n  x,\n} from '../c.ts';\nimport type { Y } from 'y';\nimport 'z';\n"),
    ).toEqual([
      { from: 'a/b.ts', specifier: '../c.ts', to: 'c.ts', typeOnly: false },
      { from: 'a/b.ts', specifier: 'y', to: undefined, typeOnly: true },
      { from: 'a/b.ts', specifier: 'z', to: undefined, typeOnly: false },
    ]);
  });

  it('know every folder: a new one has to take its place in the order', () => {
    expect(files.filter((name) => layerOf(name) === -1)).toEqual([]);
  });

  it('name files that exist', () => {
    expect(imports.filter(({ to }) => to !== undefined && !texts.has(to)).map(shown)).toEqual([]);
  });

  it.each(LAYERS.map((layer, index) => ({ ...layer, index })))('of $folders go down: $reason', ({ index }) => {
    const wrong = imports.filter(({ from, to }) => layerOf(from) === index && to !== undefined && layerOf(to) > index);
    expect(wrong.map(shown)).toEqual([]);
  });

  it.each([
    [/^(pg|pg-copy-streams|pg-[a-z-]+)(\/|$)/, 'databases/postgres/'],
    [/^mysql2(\/|$)/, 'databases/mysql/'],
    [/^kafkajs(\/|$)/, 'stream/kafka/'],
    [/^oracledb(\/|$)/, 'databases/oracle/'],
  ])('of the drivers %s stay in %s: its types and its errors are translated there', (drivers, folder) => {
    const wrong = imports.filter(({ from, specifier }) => drivers.test(specifier) && !from.startsWith(folder));
    expect(wrong.map(shown)).toEqual([]);
  });

  it.each(['kafkajs', 'oracledb'])(
    'of %s are of types, or made when it is needed: other runs do not load it',
    (name) => {
      expect(lines(new RegExp(`^(import|export) (?!type\\b).*'${name}'`))).toEqual([]);
    },
  );

  it('of a concrete database are made where a run is put together and in the demo: everything else sees ports', () => {
    const concrete = /^databases\/[^/]+\//;
    const wrong = imports.filter(
      ({ from, to }) =>
        to !== undefined &&
        concrete.test(to) &&
        !from.startsWith('compose') &&
        !from.startsWith('demo/') &&
        // A database's folder sees itself and no other.
        concrete.exec(from)?.[0] !== concrete.exec(to)?.[0],
    );
    expect(wrong.map(shown)).toEqual([]);
  });

  it('make no cycle at run time: the order in which files are initialised must not matter', () => {
    const edges = new Map<string, string[]>();
    for (const { from, to, typeOnly } of imports) {
      if (to !== undefined && !typeOnly) edges.set(from, [...(edges.get(from) ?? []), to]);
    }
    expect(cycles(edges)).toEqual([]);
  });

  it('make no cycle between folders of one layer: one of two folders that need each other is in the wrong place', () => {
    const edges = new Map<string, string[]>();
    for (const { from, to } of imports) {
      if (to === undefined || folderOf(from) === folderOf(to)) continue;
      edges.set(folderOf(from), [...new Set([...(edges.get(folderOf(from)) ?? []), folderOf(to)])]);
    }
    expect(cycles(edges)).toEqual([]);
  });
});

describe('files', () => {
  it('have at most 400 lines: more is two things', () => {
    const long = files.filter((name) => (texts.get(name) ?? '').trimEnd().split('\n').length > 400);
    expect(long).toEqual([]);
  });

  it('open with a comment that says what they are', () => {
    expect(files.filter((name) => !/^(#!.*\n+)?\/\/ /.test(texts.get(name) ?? ''))).toEqual([]);
  });

  it('have lower-case names with hyphens: some file systems see no difference in case', () => {
    expect(files.filter((name) => !/^([a-z0-9-]+\/)*[a-z0-9-]+(\.d)?\.ts$/.test(name))).toEqual([]);
  });

  it('do not switch the type checker off', () => {
    expect(lines(/:\s*any\b(?=\s*[,;)=\]|>}&[]|$)|\bas any\b|<any>/)).toEqual([]);
    const directive = /@ts-(ignore|nocheck|expect-error)/;
    expect(files.filter((name) => directive.test(texts.get(name) ?? ''))).toEqual([]);
  });

  it('leave the end of the process to main: whatever is open has to be closed first', () => {
    expect(lines(/\bprocess\.(exit\b|exitCode\b|abort\b|reallyExit\b)/, ['main.ts'])).toEqual([]);
  });

  it('export no default: a thing has one name everywhere', () => {
    expect(lines(/^export default\b/)).toEqual([]);
  });
});

/** The cycles of a graph, each as one path; for every starting point at most the first one found. */
function cycles(edges: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (node: string, path: readonly string[]): void => {
    if (path.includes(node)) {
      found.push([...path.slice(path.indexOf(node)), node].join(' → '));
      return;
    }
    if (done.has(node)) return;
    for (const next of edges.get(node) ?? []) visit(next, [...path, node]);
    done.add(node);
  };
  for (const node of edges.keys()) visit(node, []);
  return found;
}

it('cycles are recognised', () => {
  const graph = new Map([
    ['a', ['b', 'c']],
    ['b', ['c']],
    ['c', ['b']],
  ]);
  expect(cycles(graph)).toEqual(['b → c → b']);
});
