// Names of a database may hold any character, and a terminal acts on some.

import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { printFindings, sayFindings } from '../../src/cli/findings.ts';
import { type Io, print, printJson, say } from '../../src/cli/io.ts';
import { Secrets } from '../../src/observe/secrets.ts';

const NAME = 'a\u001b[31mred\u0007\u009b2J\u202eb\tc';

function open(): { readonly io: Io; readonly out: () => string; readonly err: () => string } {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const io = { stdout, stderr, env: {}, signal: new AbortController().signal, secrets: new Secrets() };
  return { io, out: () => String(stdout.read()), err: () => String(stderr.read()) };
}

test('what is printed for people has nothing that a terminal would act on', () => {
  const { io, out, err } = open();
  print(io, NAME);
  say(io, NAME);
  expect([out(), err()]).toEqual(['ared2Jb\tc\n', 'ared2Jb\tc\n']);
});

test('JSON keeps every character, as an escape', () => {
  const { io, out } = open();
  printJson(io, { table: NAME });
  const text = out();
  expect(text).toMatch(/^[\x20-\x7e]+\n$/);
  expect(JSON.parse(text)).toEqual({ table: NAME });
});

test('a name with line breaks does not make lines that look like findings', () => {
  const { io, out } = open();
  const finding = {
    level: 'info',
    code: 'PREFLIGHT.X',
    subject: 'a\nerror[B] c',
    message: 'd',
    cure: 'one\ntwo',
  } as const;
  printFindings(io, [finding]);
  expect(out()).toBe('info[PREFLIGHT.X] a\\nerror[B] c: d\n  cure  one\n  cure  two\n');
});

test('a finding tells on which side it was found', () => {
  const { io, out } = open();
  const finding = { level: 'error', code: 'PREFLIGHT.X', subject: 'a', message: 'b' } as const;
  printFindings(io, [{ ...finding, side: 'source' }, { ...finding, side: 'target' }, finding]);
  expect(out()).toBe('error[PREFLIGHT.X] source: a: b\nerror[PREFLIGHT.X] target: a: b\nerror[PREFLIGHT.X] a: b\n');
});

test('beside the data a quiet command tells of errors only', () => {
  const { io, err } = open();
  const found = (['info', 'error', 'warning'] as const).map((level) => ({
    level,
    code: 'X',
    subject: level,
    message: 'm',
  }));
  sayFindings(io, found, false);
  expect(err().match(/^\w+/gm)).toEqual(['error', 'warning', 'info']);
  const quiet = open();
  sayFindings(quiet.io, found, true);
  expect(quiet.err()).toBe('error[X] error: m\n');
});
