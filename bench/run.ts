// Runs every benchmark, one after another, prints the tables and writes them with the machine to bench/results.md.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const BENCHES = [
  ...['copy.ts', 'clone.ts', 'catch-up.ts', 'decode.ts', 'verify.ts', 'lag.ts', 'cutover.ts'],
  ...[
    'mysql-copy.ts',
    'mysql-clone.ts',
    'mysql-decode.ts',
    'oracle-double.ts',
    'oracle-stand-in.ts',
    'debezium-decode.ts',
  ],
  ...['debezium-sink.ts', 'debezium-lag.ts', 'debezium-workers.ts'],
];

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const model = cpus()[0]?.model ?? 'unknown';
const machine = `${cpus().length} cores (${model}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, ${process.platform}`;
const results = here('results.md');
process.stdout.write(`${machine}\n`);
writeFileSync(
  results,
  `# What the benchmarks said\n\nWritten by \`npm run bench\`. Source, target, clients and program share one machine:\n${machine}.\n`,
);
for (const bench of BENCHES) {
  process.stdout.write(`\n${bench}\n`);
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', here(bench)], {
    stdio: 'inherit',
    env: { ...process.env, BENCH_RESULTS: results },
  });
  if (status !== 0) process.exitCode = 1;
}
// As every other page of the repository is.
spawnSync('npx', ['biome', 'format', '--write', results], { stdio: 'ignore' });
