// A Prometheus server for tests, with the configuration and the rules of grafana/, and its tool that checks files.

import { spawn, spawnSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { freePort } from '../../src/demo/embedded.ts';
import { fleetCache, throughItsLoader, unpacked } from './debian.ts';
import { GRAFANA } from './grafana.ts';

const START_TIMEOUT_MS = 30_000;

async function command(program: 'prometheus' | 'promtool'): Promise<readonly string[]> {
  const wanted = { label: 'Prometheus', suite: 'bookworm', name: 'prometheus' };
  const root = await unpacked(wanted, fleetCache('prometheus'));
  return throughItsLoader(root, `usr/bin/${program}`);
}

/** Runs promtool in grafana/prometheus; tells its exit code and what it said. */
export async function promtool(
  args: readonly string[],
  input = '',
): Promise<{ readonly code: number | null; readonly said: string }> {
  const [program = '', ...flags] = await command('promtool');
  const { status, stdout, stderr } = spawnSync(program, [...flags, ...args], {
    cwd: join(GRAFANA, 'prometheus'),
    encoding: 'utf8',
    input,
  });
  return { code: status, said: `${stdout}${stderr}` };
}

/** One series of an answer. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [number, string])[];
}

export class Prometheus {
  readonly #url: string;
  readonly #startedAt = Date.now();
  readonly #close: () => Promise<void>;

  constructor(url: string, close: () => Promise<void>) {
    this.#url = url;
    this.#close = close;
  }

  /** What `expr` was every second since this server was started. */
  async ask(expr: string): Promise<readonly Series[]> {
    const now = Date.now();
    const range = { start: String(this.#startedAt / 1_000), end: String(now / 1_000), step: '1' };
    const answer = await fetch(`${this.#url}/api/v1/query_range?${new URLSearchParams({ query: expr, ...range })}`);
    const body = (await answer.json()) as { status: string; error?: string; data: { result: Series[] } };
    if (body.status !== 'success') throw new Error(`${expr}: ${body.error}`);
    return body.data.result;
  }

  /** Resolves when `expr` has had a value. */
  async seen(expr: string): Promise<void> {
    while ((await this.ask(expr)).length === 0) await sleep(100);
  }

  close(): Promise<void> {
    return this.#close();
  }
}

/** Scrapes the port every second, and computes the rules as often. */
export async function startPrometheus(target: number): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'migrate-prometheus-'));
  await cp(join(GRAFANA, 'prometheus/rules.yml'), join(folder, 'rules.yml'));
  const shipped = parse(await readFile(join(GRAFANA, 'prometheus/prometheus.yml'), 'utf8')) as Configuration;
  const [job] = shipped.scrape_configs;
  const configuration = {
    ...shipped,
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    scrape_configs: [{ ...job, static_configs: [{ targets: [`127.0.0.1:${target}`] }] }],
  };
  await writeFile(join(folder, 'prometheus.yml'), stringify(configuration));
  const port = await freePort();
  const flags = [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=warn',
  ];
  // Should this process be killed, the server goes with it.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...(await command('prometheus')), ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2_000);
  });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const close = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await isReady(url))) {
    if (child.exitCode === null && Date.now() < deadline) {
      await sleep(50);
      continue;
    }
    await close();
    throw new Error(`Prometheus did not start:\n${said}`);
  }
  return new Prometheus(url, close);
}

interface Configuration {
  readonly scrape_configs: readonly object[];
}

async function isReady(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
  return answer?.ok === true;
}
