// The metrics of a run, and the endpoint that serves them.

import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/observe/metric-table.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import { openMetricsServer } from '../../src/observe/metrics-server.ts';
import { RunStatus } from '../../src/observe/status.ts';

function open(): { status: RunStatus; metrics: Metrics; lines: (name: string) => Promise<string[]> } {
  const status = new RunStatus('orders');
  const metrics = new Metrics({ snapshot: () => status.snapshot(), version: '1.2.3', cutoverBudgetMs: 10_000 });
  const lines = async (name: string): Promise<string[]> =>
    (await metrics.render()).split('\n').filter((line) => line.startsWith(`${name}{`));
  return { status, metrics, lines };
}

const table = (rowsExpected: number, rowsCopied: number) => ({
  rowsExpected,
  rowsCopied,
  bytesCopied: 10 * rowsCopied,
  chunks: 2,
  chunksDone: 1,
});

describe('metrics', () => {
  it('have unique names with the prefix, and counters end in _total', () => {
    expect(new Set(METRICS.map((metric) => metric.name)).size).toBe(METRICS.length);
    for (const { name, type } of METRICS) {
      expect(name).toMatch(/^(migrate|process)_[a-z_]+$/);
      expect(name.endsWith('_total')).toBe(type === 'counter');
    }
  });

  it('carry exactly the labels of the table, and the migration', async () => {
    const { status, metrics } = open();
    fill(status);
    const text = await metrics.render();
    for (const { name, labels } of METRICS) {
      const found = new RegExp(`^${name}\\{(.*)\\} `, 'm').exec(text)?.[1] ?? '';
      const names = [...found.matchAll(/([a-z_]+)="/g)].map((match) => match[1]);
      expect([name, names.toSorted()]).toEqual([name, ['migration', ...labels].toSorted()]);
    }
  });

  it('leave out what is not known yet', async () => {
    const { status, metrics, lines } = open();
    const text = await metrics.render();
    for (const name of [
      'lag_seconds',
      'lag_bytes',
      'source_retained_wal_bytes',
      'apply_paused',
      'checkpoint_timestamp_seconds',
      'cutover_attempt',
      'cutover_step',
      'cutover_write_pause_seconds',
      'database_answer_seconds',
      'last_error',
      'snapshot_chunks',
      'snapshot_eta_seconds',
      'snapshot_lock_seconds',
      'verify_chunks',
      'verify_mismatched_rows',
      'verify_pending_keys',
      'writable',
    ]) {
      expect(text).not.toContain(`migrate_${name}{`);
    }
    status.update((value) => {
      value.stream.lagSeconds = 0;
    });
    expect(await lines('migrate_lag_seconds')).toEqual(['migrate_lag_seconds{migration="orders"} 0']);
    status.update((value) => {
      value.stream.lagSeconds = null;
    });
    expect(await lines('migrate_lag_seconds')).toEqual([]);
  });

  it('follow the status from scrape to scrape', async () => {
    const { status, lines } = open();
    fill(status);
    expect(await lines('migrate_apply_rows_total')).toEqual(['migrate_apply_rows_total{migration="orders"} 7']);
    status.update((value) => {
      value.stream.changes = 9;
    });
    expect(await lines('migrate_apply_rows_total')).toEqual(['migrate_apply_rows_total{migration="orders"} 9']);
    expect(await lines('migrate_snapshot_chunks')).toEqual([
      'migrate_snapshot_chunks{migration="orders",state="done"} 1',
      'migrate_snapshot_chunks{migration="orders",state="pending"} 1',
    ]);
    expect(await lines('migrate_cutover_write_pause_seconds')).toEqual([
      'migrate_cutover_write_pause_seconds{migration="orders"} 0.25',
    ]);
  });

  it('show one stage at a time', async () => {
    const { status, lines } = open();
    status.enter('verify');
    const on = (await lines('migrate_stage')).filter((line) => line.endsWith(' 1'));
    expect(on).toEqual(['migrate_stage{migration="orders",stage="verify"} 1']);
  });

  it('name a pause without its numbers, and forget it when it ends', async () => {
    const { status, lines } = open();
    status.update((value) => {
      value.waiting = 'waiting for 2 open transactions';
    });
    expect(await lines('migrate_apply_paused')).toEqual([
      'migrate_apply_paused{migration="orders",reason="waiting for N open transactions"} 1',
    ]);
    status.update((value) => {
      value.waiting = null;
    });
    expect(await lines('migrate_apply_paused')).toEqual([]);
  });

  it('tell how long the copy will take, while it copies', async () => {
    const { status, lines } = open();
    fill(status);
    expect(await lines('migrate_snapshot_eta_seconds')).toEqual(['migrate_snapshot_eta_seconds{migration="orders"} 5']);
    status.enter('catch-up');
    expect(await lines('migrate_snapshot_eta_seconds')).toEqual([]);
  });

  it('show the write pause while it lasts, and not when it was undone', async () => {
    const { status, lines } = open();
    status.update((value) => {
      value.cutover.frozenAt = new Date(Date.now() - 3_000).toISOString();
      value.writable = 'none';
    });
    const [line = ''] = await lines('migrate_cutover_write_pause_seconds');
    expect(Number(line.split(' ').at(-1))).toBeGreaterThanOrEqual(3);
    status.update((value) => {
      value.writable = 'source';
    });
    expect(await lines('migrate_cutover_write_pause_seconds')).toEqual([]);
    expect(await lines('migrate_writable')).toEqual([
      'migrate_writable{migration="orders",side="source"} 1',
      'migrate_writable{migration="orders",side="target"} 0',
    ]);
  });

  it('say where each table stands', async () => {
    const { status, lines } = open();
    status.update((value) => {
      for (let index = 1; index <= 203; index += 1) {
        value.tables[`shop.t${index}`] = table(index, 1);
        value.conditions[`shop.t${index}`] = index === 203 ? 'copying' : index === 1 ? 'skipped' : 'following';
      }
    });
    const found = await lines('migrate_table_condition');
    expect(found).toHaveLength(202);
    expect(found).toContain('migrate_table_condition{migration="orders",table="shop.t203",condition="copying"} 1');
    expect(found).toContain('migrate_table_condition{migration="orders",table="_other",condition="skipped"} 1');
    expect(found).toContain('migrate_table_condition{migration="orders",table="_other",condition="following"} 2');
  });

  it('give the 200 largest tables a label and add up the rest', async () => {
    const { status, lines } = open();
    status.update((value) => {
      for (let index = 1; index <= 250; index += 1) value.tables[`shop.t${index}`] = table(index, 1);
    });
    const rows = await lines('migrate_snapshot_rows_total');
    expect(rows).toHaveLength(201);
    expect(rows).toContain('migrate_snapshot_rows_total{migration="orders",table="_other"} 50');
    expect(rows).toContain('migrate_snapshot_rows_total{migration="orders",table="shop.t250"} 1');
    // A table that grows later does not push another one out: counters keep their meaning.
    status.update((value) => {
      value.tables['shop.t1'] = table(1_000, 5);
    });
    expect(await lines('migrate_snapshot_rows_total')).toContain(
      'migrate_snapshot_rows_total{migration="orders",table="_other"} 54',
    );
  });
});

describe('the endpoint', () => {
  it('serves GET /metrics and nothing else', async () => {
    await using server = await serve();
    expect(await ask(server.url, {})).toMatchObject({
      status: 200,
      body: expect.stringContaining('migrate_build_info{'),
    });
    expect(await ask(server.url, { path: '/' })).toMatchObject({ status: 404 });
    expect(await ask(server.url, { method: 'POST' })).toMatchObject({ status: 405 });
  });

  it('answers only under a loopback name', async () => {
    await using server = await serve();
    for (const host of ['localhost:1', '127.0.0.1', '[::1]:9000', 'LOCALHOST']) {
      expect(await ask(server.url, { host })).toMatchObject({ status: 200 });
    }
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:80', 'localhost:x']) {
      expect(await ask(server.url, { host })).toMatchObject({ status: 403, body: '' });
    }
  });

  it('says which port is taken and what to do', async () => {
    await using server = await serve();
    const port = Number(new URL(server.url).port);
    await expect(openMetricsServer(port, open().metrics)).rejects.toMatchObject({
      code: 'CONTROL.PORT',
      message: `port ${port} on 127.0.0.1 cannot be opened (EADDRINUSE)`,
      fix: expect.stringContaining('control.metricsPort'),
    });
  });

  it('closes twice, and leaves nothing listening', async () => {
    const server = await openMetricsServer(0, open().metrics);
    await Promise.all([server.close(), server.close()]);
    await server.close();
    await expect(ask(server.url, {})).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

function fill(status: RunStatus): void {
  status.update((value) => {
    value.tables['shop.orders'] = table(100, 50);
    value.waiting = 'paused by operator';
    value.stream = {
      ...{ changes: 7, read: 8, batches: 2, writeSeconds: 0.5, movedAtMs: 1_000, splitTransactions: 2 },
      ...{ lagSeconds: 0.5, lagBytes: 10, retainedBytes: 20 },
      topic: { messages: 3, toSeconds: 0.4, fromSeconds: 0.1, stalled: null },
      hot: null,
    };
    value.conditions['shop.orders'] = 'copying';
    value.verify = { chunks: 4, chunksDone: 1, rowsCompared: 9, differences: 0, pendingKeys: 3, emptyValues: [] };
    value.snapshot = {
      rows: 50,
      rowsExpected: 100,
      rowsBefore: 0,
      bytes: 500,
      seconds: 5,
      means: 'table-locks',
      lockMs: 3,
    };
    value.stage = 'snapshot';
    value.writable = 'source';
    value.cutover = { attempt: 1, step: 'close', frozenAt: null, writePauseMs: 250 };
    const probe = { side: 'target', name: 'connections', unit: '%', limit: 95, cure: '', holds: ['apply'] } as const;
    value.health = { probes: [{ ...probe, value: 97, state: 'unwell', reason: '' }], leftOut: [] };
    value.answerSeconds = { source: 0.001, target: 0.002 };
    value.lastError = { code: 'TARGET.CONNECTION', message: '', fix: '', at: '' };
  });
}

async function serve(): Promise<{ url: string; [Symbol.asyncDispose](): Promise<void> }> {
  const server = await openMetricsServer(0, open().metrics);
  return { url: server.url, [Symbol.asyncDispose]: () => server.close() };
}

function ask(
  url: string,
  options: { path?: string; method?: string; host?: string },
): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method: options.method ?? 'GET',
        agent: false,
        ...(options.path === undefined ? {} : { path: options.path }),
        ...(options.host === undefined ? {} : { headers: { host: options.host } }),
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (part) => {
          body += part;
        });
        response.on('end', () => resolve({ status: response.statusCode, body }));
      },
    );
    sent.on('error', reject).end();
  });
}
