// A second opinion on statements for Oracle: the grammar of Apache ShardingSphere, which has another origin than the one of
// oracle-grammar.ts and knows other mistakes. Needs Java 17 and Maven.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { mavenFolder } from './maven.ts';
import { withoutExceptions } from './oracle-grammar.ts';

const run = promisify(execFile);
const POM = fileURLToPath(new URL('oracle/other-grammar.xml', import.meta.url));
const GRAMMAR = 'org.apache.shardingsphere.sql.parser.autogen.OracleStatement';

/** Oracle's manual has them, this grammar not. */
const UNKNOWN: readonly { readonly what: RegExp; readonly instead: string }[] = [
  // It knows parameters of JDBC only.
  { what: /:\d+/g, instead: '?' },
  // SQL Language Reference, JSON Conditions: "expr IS [ NOT ] JSON".
  { what: / IS JSON\b/g, instead: ' IS NOT NULL' },
  // Database Reference, NLS_DATABASE_PARAMETERS: it has a column of that name.
  { what: /\bPARAMETER = /g, instead: '"PARAMETER" = ' },
  // SQL Language Reference, Data Types: INTERVAL DAY [(day_precision)] TO SECOND [(fractional_seconds_precision)].
  { what: /INTERVAL DAY\(\d\) TO SECOND\(\d\)/g, instead: 'DATE' },
];

/** The statements that the grammar refuses, each with the first thing it has against it. At least two are given. */
export async function otherErrors(statements: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const jars = await mavenFolder('oracle-other-grammar', POM, [{ folder: 'jars' }]);
  const folder = await mkdtemp(join(tmpdir(), 'migrate-grammar-'));
  try {
    const files = statements.map((_sql, index) => join(folder, `${index}.sql`));
    await Promise.all(files.map((file, index) => writeFile(file, known(statements[index] ?? ''))));
    const rig = ['-cp', join(jars, 'jars', '*'), 'org.antlr.v4.gui.TestRig', GRAMMAR, 'execute'];
    const { stderr } = await run('java', ['-Xss16m', ...rig, ...files], { maxBuffer: 1 << 26 });
    return errorsOf(stderr, new Map(files.map((file, index) => [file, statements[index] ?? ''])));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function known(sql: string): string {
  return UNKNOWN.reduce((text, { what, instead }) => text.replace(what, instead), withoutExceptions(sql));
}

/** It prints the name of each file, and then what it has against it. */
function errorsOf(printed: string, byFile: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const [errors, seen] = [new Map<string, string>(), new Set<string>()];
  let sql: string | undefined;
  for (const line of printed.split('\n')) {
    const file = byFile.get(line.trim());
    if (file !== undefined) {
      sql = file;
      seen.add(file);
    } else if (sql !== undefined && line.startsWith('line ') && !errors.has(sql)) errors.set(sql, line.slice(0, 200));
  }
  if (seen.size !== new Set(byFile.values()).size) throw new Error(`not all was read: ${printed.slice(0, 2_000)}`);
  return errors;
}
