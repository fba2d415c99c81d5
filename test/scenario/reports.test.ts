// What is written for people and archives: the report of a preflight, the certificate of a run, the first plan.

import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runMigrate } from '../fleet/runner.ts';
import { AUTO, openScene, SHOP } from './scene.ts';

const NASTY = '<b onload="x">&`|';
const SECRET = 'sesame-opens';
// Values that must not turn up anywhere: one in a key, one elsewhere.
const VALUES = `INSERT INTO app.items (id, name, body) VALUES (987654321, 'valueofacell', 'valueofanothercell');`;

/** A page that a browser reads as what was written, and for which it asks nobody. */
function expectSelfContained(html: string): void {
  expect(html).toMatch(/^<!doctype html>/);
  expect(html).not.toMatch(/<script|<link|<img|<iframe|@import|\bsrc=|\bhref=|https?:\/\/|url\(/i);
  expect(html).not.toContain('<b onload');
}

function withoutSecrets(text: string): void {
  expect(text).not.toContain(SECRET);
  expect(text).not.toMatch(/valueof|987654321/);
}

test('check --report says per table what moves and per finding what cures it, in three forms', async () => {
  const s = await openScene({
    schema: `${SHOP}${VALUES} CREATE TABLE app."${NASTY.replaceAll('"', '""')}" (id int PRIMARY KEY);
      CREATE VIEW app.v AS SELECT 1; CREATE TABLE app.ruled (id int PRIMARY KEY);
      CREATE RULE r AS ON INSERT TO app.ruled DO ALSO NOTHING;`,
  });
  const [html, md, json] = ['html', 'md', 'json'].map((form) => join(s.workspace.directory, `check.${form}`)) as [
    string,
    string,
    string,
  ];
  const written = await Promise.all([html, md, json].map((file) => s.run(['check', '--report', file])));
  expect(written.map(({ code }) => code)).toEqual([2, 2, 2]);

  const body = JSON.parse(await readFile(json, 'utf8'));
  expect(body).toMatchObject({ format: 1, run: 'test', passed: false });
  expect(body.tables).toContainEqual(expect.objectContaining({ table: 'app.items', key: ['id'] }));
  const rule = body.findings.find(({ code }: { code: string }) => code === 'PREFLIGHT.RULE');
  expect(rule).toMatchObject({ level: 'error', subject: 'app.ruled', cure: expect.stringContaining('exclude') });
  expect(body.notCarried).toContain('view app.v');
  expect(body.tables).toContainEqual(expect.objectContaining({ table: 'app.ruled', findings: ['PREFLIGHT.RULE'] }));

  const page = await readFile(html, 'utf8');
  expectSelfContained(page);
  expect(page).toContain('PREFLIGHT.RULE');
  expect(page).toContain('&lt;b onload=');
  const text = await readFile(md, 'utf8');
  expect(text).toMatch(/^# Preflight of test\n/);
  expect(text).not.toMatch(/(?<!\\)<b onload/);
  for (const each of [page, text, JSON.stringify(body)]) withoutSecrets(each);
  expect(await s.run(['check', '--report', s.plan])).toMatchObject({ code: 64 });
  expect(await readFile(s.plan, 'utf8')).toContain('version');
});

test('the certificate tells what a finished run did, the same each time, with a digest that can be computed again', async () => {
  const s = await openScene({
    schema: `${SHOP}${VALUES} CREATE TABLE app."${NASTY.replaceAll('"', '""')}" (id int PRIMARY KEY);`,
  });
  const secretly = (url: string): string => url.replace('postgres@', `postgres:${SECRET}@`);
  const plan = JSON.parse(await readFile(s.plan, 'utf8'));
  plan.source.url = secretly(plan.source.url);
  plan.target.url = secretly(plan.target.url);
  plan.cutover = AUTO;
  await writeFile(s.plan, JSON.stringify(plan));
  expect(await s.run(['report', '--json'])).toMatchObject({ code: 2, json: { code: 'RUN.NONE' } });
  const result = await s.run();
  expect(result.code, result.stderr).toBe(0);

  const html = join(s.workspace.directory, 'run.html');
  const report = await s.run(['report', '--json', '--html', html]);
  expect(report.code, report.stderr).toBe(0);
  const { certificate, sha256 } = report.json as { certificate: Record<string, unknown>; sha256: string };
  expect(createHash('sha256').update(JSON.stringify(certificate)).digest('hex')).toBe(sha256);
  expect(certificate).toMatchObject({
    format: 1,
    run: 'test',
    outcome: 'complete',
    source: { version: expect.stringMatching(/^\d+\.\d+$/) },
    target: { version: expect.stringMatching(/^\d+\.\d+$/) },
    totals: { tables: 3, rowsCopied: 81 },
    verification: { differences: 0, finishedAt: expect.any(String) },
    cutover: {
      attempts: 1,
      phase: 'committed',
      writePauseMs: result.json?.cutover && (result.json.cutover as { writePauseMs: number }).writePauseMs,
    },
  });
  expect(certificate.tables).toContainEqual(
    expect.objectContaining({ table: 'app.notes', rowsCopied: 40, chunksDone: 1, chunks: 1, key: ['id'] }),
  );
  expect((certificate.verification as { rowsCompared: number }).rowsCompared).toBeGreaterThanOrEqual(81);
  expect((await s.run(['report', '--json'])).json).toMatchObject({ sha256 });

  const page = await readFile(html, 'utf8');
  expectSelfContained(page);
  expect(page).toContain(sha256);
  expect(page).toContain('&lt;b onload=');
  const text = await s.run(['report']);
  expect(text.code, text.stderr).toBe(0);
  expect(text.stdout).toMatch(/^# Migration test\n\n\*\*Complete: /);
  for (const each of [page, text.stdout, report.stdout]) withoutSecrets(each);
});

test('a run that is not finished reports how far it has come', async () => {
  const s = await openScene({ sections: { cutover: { when: 'manual', reverse: 'off' } } });
  const running = s.start();
  await s.ready(running);
  const { json } = await s.run(['report', '--json']);
  expect(json).toMatchObject({
    certificate: { outcome: 'running', cutover: null, totals: { rowsCopied: 80 }, verification: { differences: 0 } },
  });
  expect((await s.run(['report'])).stdout).toContain('Not finished');
});

test('init lists the tables of a database that can be reached, and its plan passes the check', async () => {
  const s = await openScene();
  const path = join(s.workspace.directory, 'migrate.yaml');
  const urls = ['--source', s.sourceUrl, '--target', s.targetUrl];
  expect(await runMigrate(['init', ...urls, path, '--json'])).toMatchObject({
    code: 0,
    json: { result: 'ok', file: path, tables: 2, refused: [] },
  });
  const text = await readFile(path, 'utf8');
  expect(text).toContain('include: ["app.*"]');
  expect(text).toMatch(/^ {2}# {3}app\.items: about /m);
  expect(await runMigrate(['check', path, '--json'])).toMatchObject({ code: 0, json: { result: 'ok' } });
});
