// The log and what it must never print.

import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { MigrateError } from '../../src/lib/errors.ts';
import { createLog, type Log, type LogLevel } from '../../src/observe/log.ts';
import { Secrets } from '../../src/observe/secrets.ts';

const ESC = '\u001b';

function open(options: { json: boolean; level?: LogLevel; secret?: string }): { log: Log; text: () => string } {
  const stream = new PassThrough();
  const secrets = new Secrets();
  if (options.secret !== undefined) secrets.add(options.secret, { password: true });
  const log = createLog({ level: options.level ?? 'info', json: options.json, secrets, stream });
  return { log, text: () => String(stream.read() ?? '') };
}

describe('secrets', () => {
  it('are hidden as they are, encoded for a url and escaped for JSON', () => {
    const secrets = new Secrets();
    secrets.add('p@ss "wörd"');
    const forms = ['p@ss "wörd"', 'p%40ss%20%22w%C3%B6rd%22', 'p%40ss%20%22w%c3%b6rd%22', 'p@ss \\"wörd\\"'];
    expect(forms.map((form) => secrets.scrub(`<${form}>`))).toEqual(forms.map(() => '<***>'));
  });

  it('are hidden whole when one contains another', () => {
    const secrets = new Secrets();
    secrets.add('hunter');
    secrets.add('hunter22');
    expect(secrets.scrub('hunter22 hunter')).toBe('*** ***');
  });

  it('below four characters count only as passwords, and only as whole words', () => {
    const secrets = new Secrets();
    secrets.add('abc');
    secrets.add('x1', { password: true });
    secrets.add('', { password: true });
    expect(secrets.scrub('abc x1 x10 :x1@')).toBe('abc *** x10 :***@');
  });

  it('may contain what has a meaning in expressions', () => {
    const secrets = new Secrets();
    secrets.add('a.*[b](c)$');
    expect(secrets.scrub('a.*[b](c)$ aXXbc')).toBe('*** aXXbc');
  });
});

describe('JSON lines', () => {
  it('carry time, level, message and the fields', () => {
    const { log, text } = open({ json: true });
    log.info('copied', { table: 'shop.orders', rows: 3 });
    expect(JSON.parse(text())).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      message: 'copied',
      table: 'shop.orders',
      rows: 3,
    });
  });

  it('leave out what is below the level', () => {
    const { log, text } = open({ json: true, level: 'warn' });
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    expect(
      text()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).message),
    ).toEqual(['c', 'd']);
  });

  it('hide secrets in message, fields, error, stack and causes', () => {
    const { log, text } = open({ json: true, secret: 'hunter22' });
    const cause = new Error('inner hunter22');
    log.error('with hunter22', { url: 'postgres://u:hunter22@h/d', err: new Error('outer hunter22', { cause }) });
    const line = text();
    expect(line).not.toContain('hunter22');
    expect(JSON.parse(line).err).toMatchObject({
      message: 'outer ***',
      stack: expect.stringContaining('outer ***'),
      cause: { message: 'inner ***' },
    });
  });

  it('take from an error only its name, code, message, stack and cause', () => {
    const { log, text } = open({ json: true });
    const error = Object.assign(new Error('refused'), { code: '23505', detail: 'Key (email)=(a@b.c) already exists.' });
    log.warn('failed', { err: error });
    const line = text();
    expect(line).not.toContain('a@b.c');
    expect(JSON.parse(line).err.code).toBe('23505');
  });

  it('end a chain of causes that bites its own tail', () => {
    const { log, text } = open({ json: true });
    const error: Error & { cause?: unknown } = new Error('round');
    error.cause = error;
    log.warn('failed', { err: error });
    expect(text().match(/"message":"round"/g)).toHaveLength(6);
  });

  it('survive whatever was thrown', () => {
    const { log, text } = open({ json: true });
    log.warn('failed', { err: 'just text' });
    expect(JSON.parse(text()).err).toEqual({ type: 'string', message: 'just text' });
  });
});

describe('plain lines', () => {
  it('read HH:MM:SS level message key=value', () => {
    const { log, text } = open({ json: false });
    log.warn('slow chunk', { table: 'shop."Orders"', rows: 3, reason: 'two words' });
    expect(text()).toMatch(/^\d\d:\d\d:\d\d warn {2}slow chunk table="shop.\\"Orders\\"" rows=3 reason="two words"\n$/);
  });

  it('show an expected failure without a stack, and a bug with one', () => {
    const { log, text } = open({ json: false });
    log.error('stopped', { err: new MigrateError('LEASE.LOST', 'someone took over') });
    expect(text()).toMatch(/stopped err="LEASE.LOST someone took over"\n$/);
    log.error('stopped', { err: new TypeError('oops') });
    expect(text()).toMatch(/stopped err=oops\n {4}TypeError: oops\n {8}at /);
  });

  it('strip what a terminal would act on, and cannot be forged by a line break', () => {
    const { log, text } = open({ json: false });
    log.info(`${ESC}[31mred${ESC}[0m \u0007bell \u202egnp\n12:00:00 info  forged`);
    expect(text()).toMatch(/^\S+ info {2}red bell gnp\n {4}12:00:00 info {2}forged\n$/);
  });
});

it('a stream that fails does not end the process', () => {
  const stream = new PassThrough();
  createLog({ level: 'info', json: true, secrets: new Secrets(), stream });
  expect(() => stream.emit('error', new Error('EPIPE'))).not.toThrow();
});
