// The write pause and the memory of whole migrations under load: the demo's shop at a fixed rate of transactions.
// Usage: npx tsx bench/cutover.ts [runs=20] [transactions per second=500] [rows=200000]

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runDemo } from '../src/demo/demo.ts';
import { median, percentile, report } from './lib/results.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const [runs = 20, rate = 500, rows = 200_000] = process.argv.slice(2).map(Number);

interface Measured {
  readonly pauseMs: number;
  readonly peakMegabytes: number;
  /** Milliseconds by step. */
  readonly steps: Readonly<Record<string, number>>;
  readonly clients: { readonly acknowledged: number; readonly lost: number; readonly duplicated: number };
}

/** Runs the plan in a process of its own, as a user would, and watches its memory. */
function runPlan(plan: string, env: Readonly<Record<string, string>>): Promise<object> {
  const child = spawn(process.execPath, [MAIN, 'run', plan, '--json', '--quiet'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  let peak = 0;
  child.stdout.on('data', (part: Buffer) => {
    output += part.toString('utf8');
  });
  const timer = setInterval(() => {
    peak = Math.max(peak, peakMegabytes(child.pid));
  }, 50);
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => {
      clearInterval(timer);
      if (code === 0) resolve({ ...(JSON.parse(output.trim().split('\n').at(-1) ?? '{}') as object), peak });
      else reject(new Error(`the run ended with ${code}: ${output}`));
    });
  });
}

/** The kernel's own high-water mark; 0 where there is none to read. */
function peakMegabytes(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

async function once(): Promise<Measured> {
  const result = (await runDemo({
    rows,
    rate,
    signal: new AbortController().signal,
    say: () => undefined,
    run: runPlan,
  })) as { cutover: { writePauseMs: number; steps: Measured['steps'] }; peak: number; clients: Measured['clients'] };
  return {
    pauseMs: result.cutover.writePauseMs,
    steps: result.cutover.steps,
    peakMegabytes: result.peak,
    clients: result.clients,
  };
}

const measured: Measured[] = [];
for (let run = 0; run < runs; run++) measured.push(await once());
const pauses = measured.map(({ pauseMs }) => pauseMs);
await report({
  title: `${runs} whole migrations at ${rate} transactions/s`,
  header: ['pause median', 'pause p95', 'pause worst', 'memory at most', 'confirmed', 'lost', 'doubled'],
  rows: [
    [
      `${median(pauses)} ms`,
      `${percentile(pauses, 0.95)} ms`,
      `${Math.max(...pauses)} ms`,
      `${Math.max(...measured.map(({ peakMegabytes }) => peakMegabytes)).toFixed(0)} MB`,
      String(measured.reduce((sum, { clients }) => sum + clients.acknowledged, 0)),
      String(measured.reduce((sum, { clients }) => sum + clients.lost, 0)),
      String(measured.reduce((sum, { clients }) => sum + clients.duplicated, 0)),
    ],
  ],
});
await report({
  title: 'Where the pause goes, median of each step',
  header: ['step', 'ms'],
  rows: Object.keys(measured[0]?.steps ?? {}).map((name) => [
    name,
    median(measured.map(({ steps }) => steps[name] ?? 0)).toFixed(0),
  ]),
});
