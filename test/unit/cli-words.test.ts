// Commands that need no database: explain, completion, init.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Application } from '../../src/cli/application.ts';
import { EXPLAINED } from '../../src/cli/explain.ts';
import { createProgram, runCommandLine } from '../../src/cli/program.ts';
import { CODES } from '../../src/lib/codes.ts';
import { MigrateError } from '../../src/lib/errors.ts';
import { EXITS } from '../../src/lib/exits.ts';
import { FINDING_CODES } from '../../src/lib/finding-codes.ts';
import { Secrets } from '../../src/observe/secrets.ts';
import { readPlan } from '../../src/plan/read.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'migrate-words-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(argv: readonly string[], app: Partial<Application> = {}): Promise<Answer> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const io = { stdout, stderr, env: {}, signal: new AbortController().signal, secrets: new Secrets() };
  const code = await runCommandLine(argv, app as Application, io);
  const text = (stream: PassThrough): string => (stream.read() as Buffer | null)?.toString('utf8') ?? '';
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

describe('explain', () => {
  test('tells every code of errors and findings', async () => {
    for (const code of EXPLAINED) {
      const { code: exit, stdout } = await run(['explain', code]);
      expect(exit).toBe(0);
      expect(stdout).toMatch(new RegExp(`^${code}\\n {2}why {3}\\S.*\\n {2}(fix {3}|cure {2})\\S`));
    }
  });

  test('takes a finding without its prefix, in lower case or as it was printed', async () => {
    for (const written of ['wal_level', 'PREFLIGHT.WAL_LEVEL', 'error[PREFLIGHT.WAL_LEVEL]']) {
      expect((await run(['explain', written])).stdout).toMatch(/^PREFLIGHT\.WAL_LEVEL\n/);
    }
    const { stdout } = await run(['explain', 'STREAM.GONE', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ result: 'ok', kind: 'error', code: 'STREAM.GONE', exit: 2 });
  });

  test.each([
    ['STREAM.GON', 'STREAM.GONE'],
    ['wal_levle', 'PREFLIGHT.WAL_LEVEL'],
    ['budget', 'CUTOVER.BUDGET'],
    ['VERIFY.DIFFERENCE', 'VERIFY.DIFFERENCES'],
  ])('offers what %s was meant to be', async (written, meant) => {
    const { code, stderr } = await run(['explain', written]);
    expect(code).toBe(64);
    expect(stderr).toContain(meant);
  });
});

test('the help tells every exit code, and only what a person ended exits with 3', async () => {
  const { code, stdout } = await run(['--help']);
  expect(code).toBe(0);
  for (const [exit, meaning] of Object.entries(EXITS)) expect(stdout).toContain(`${exit}  ${meaning}\n`);
  const ended = Object.entries(CODES).filter(([, entry]) => entry.exit === 3);
  expect(ended.map(([name]) => name)).toEqual(['INTERRUPTED', 'USAGE.CANCELLED']);
});

test('every code of a finding is used by a check', () => {
  const src = fileURLToPath(new URL('../../src', import.meta.url));
  const text = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('finding-codes.ts'))
    .map((name) => readFileSync(join(src, name), 'utf8'))
    .join('\n');
  const unused = Object.keys(FINDING_CODES).filter(
    (code) => !text.includes(`'${code}'`) && !text.includes(`'PREFLIGHT.${code}'`),
  );
  expect(unused).toEqual([]);
});

describe('completion', () => {
  /** What bash offers for a line; the last word is the one that is being typed. */
  async function offered(...words: readonly string[]): Promise<readonly string[]> {
    const { stdout } = await run(['completion', 'bash']);
    const script = join(directory, 'migrate.bash');
    writeFileSync(script, stdout);
    writeFileSync(join(directory, 'plan.yaml'), '');
    writeFileSync(join(directory, 'notes.txt'), '');
    const line = ['migrate', ...words].map((word) => `'${word}'`).join(' ');
    const ask = `source '${script}'; COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _migrate; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['-uc', ask], { cwd: directory, encoding: 'utf8' })
      .split('\n')
      .filter((word) => word !== '');
  }

  test('offers every command', async () => {
    const names = createProgram({ app: {} as Application, io: {} as never, done: () => undefined }).commands;
    expect(await offered('')).toEqual(expect.arrayContaining(names.map((command) => command.name())));
    expect(await offered('sta')).toEqual(['status']);
  });

  test('offers the options of a command, its plan files, and what an option may be', async () => {
    expect(await offered('run', '--take')).toEqual(['--takeover']);
    expect(await offered('run', '')).toEqual(expect.arrayContaining(['--json', 'plan.yaml']));
    expect(await offered('run', 'p')).toEqual(['plan.yaml']);
    expect(await offered('run', '--quiet', 'n')).toEqual([]);
    expect(await offered('grants', '--side', '')).toEqual(['source', 'target']);
    expect(await offered('check', '--report', 'not')).toEqual(['notes.txt']);
    expect(await offered('completion', 'z')).toEqual(['zsh']);
    expect(await offered('demo', 'p')).toEqual([]);
  });

  test('has no hidden option, and refuses other shells', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { code, stdout } = await run(['completion', shell]);
      expect(code).toBe(0);
      expect(stdout).toContain('takeover');
      expect(stdout).not.toContain('failpoints');
    }
    expect((await run(['completion', 'tcsh'])).code).toBe(64);
  });
});

describe('init', () => {
  const urls = ['--source', 'postgres://me:s%40crt@old:5432/Web%20Shop', '--target', 'postgres://you:hush@new/shop'];
  const unreachable = {
    check: () => Promise.reject(new MigrateError('SOURCE.CONNECTION', 'source: connect ECONNREFUSED')),
  };

  test('writes a plan that loads, with references in place of the passwords', async () => {
    const { code, stdout, stderr } = await run(['init', ...urls], unreachable);
    expect(code).toBe(0);
    expect(stdout + stderr).not.toMatch(/s%40crt|s@crt|hush/);
    expect(stdout).toContain('SOURCE.CONNECTION');
    const reading = readPlan(stdout, 'x.yaml', { SOURCE_PASSWORD: 's%40crt', TARGET_PASSWORD: 'hush' });
    expect(reading).toMatchObject({
      plan: {
        name: 'web-shop',
        source: { url: 'postgres://me:s%40crt@old:5432/Web%20Shop' },
        target: { url: 'postgres://you:hush@new/shop' },
        tables: { include: ['*.*'] },
        cutover: { when: 'manual', reverse: 'off' },
      },
    });
  });

  test('keeps references that were given, and asks nobody while they have no value', async () => {
    const source = `postgres://me:\${OLD}@old/shop`;
    const { code, stdout } = await run(['init', '--source', source, '--target', 'postgres://you@new/shop']);
    expect(code).toBe(0);
    expect(readPlan(stdout, 'x.yaml', { OLD: 'p' })).toMatchObject({
      plan: { name: 'shop', source: { url: 'postgres://me:p@old/shop' }, target: { url: 'postgres://you@new/shop' } },
    });
  });

  test('takes a password out that stands beside references', async () => {
    const source = `postgres://me:hush@\${HOST}:5432/shop`;
    const { code, stdout, stderr } = await run(['init', '--source', source, '--target', 'postgres://you@new/shop']);
    expect(code).toBe(0);
    expect(stdout + stderr).not.toContain('hush');
    expect(readPlan(stdout, 'x.yaml', { HOST: 'old', SOURCE_PASSWORD: 'p' })).toMatchObject({
      plan: { source: { url: 'postgres://me:p@old:5432/shop' } },
    });
  });

  test('writes a plan to be filled in when it is told nothing', async () => {
    const { code, stdout } = await run(['init']);
    expect(code).toBe(0);
    expect(readPlan(stdout, 'x.yaml', { SOURCE_PASSWORD: 'a', TARGET_PASSWORD: 'b' })).toHaveProperty('plan');
  });

  test('lists the tables in comments that no name can break out of', async () => {
    const table = (id: string) => ({
      table: { id, schema: 'shop', name: id, columns: [], key: [], rowEstimate: 5, byteEstimate: 2_048 },
    });
    const check = async () => ({
      catalog: { tables: [table('shop.orders'), table('shop."a\nversion: 2"')], notCarried: [] },
      findings: [{ level: 'error', code: 'PREFLIGHT.RULE', subject: 'shop.bad', message: 'tables with\rrules' }],
    });
    const { stdout } = await run(['init', ...urls], { check } as never);
    expect(stdout).toContain('  #   shop.orders: about 5 rows, 2.0 KB\n');
    expect(stdout).toContain('  #   shop.bad: tables with rules (PREFLIGHT.RULE)\n');
    const reading = readPlan(stdout, 'x.yaml', { SOURCE_PASSWORD: 'a', TARGET_PASSWORD: 'b' });
    expect(reading).toMatchObject({ plan: { version: 1, tables: { include: ['shop.*'], exclude: [] } } });
  });

  test('replaces a file only when it is told to', async () => {
    const path = join(directory, 'migrate.yaml');
    expect((await run(['init', path])).code).toBe(0);
    writeFileSync(path, 'mine');
    expect(await run(['init', path])).toMatchObject({ code: 64, stderr: expect.stringContaining('--yes') });
    expect(readFileSync(path, 'utf8')).toBe('mine');
    expect((await run(['init', path, '--yes'])).code).toBe(0);
    expect(readFileSync(path, 'utf8')).toContain('version: 1');
  });

  test('refuses what is no url without repeating it', async () => {
    for (const wrong of ['host=old password=hush', 'redis://me:hush@old/shop', 'postgres://me:a/hush@old/shop']) {
      const { code, stdout, stderr } = await run(['init', '--source', wrong, '--target', 'postgres://you@new/shop']);
      expect(code).toBe(64);
      expect(stdout + stderr).not.toContain('hush');
    }
  });
});
