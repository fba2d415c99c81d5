// Runs every benchmark, one after another, and prints the machine first.

import { spawnSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const BENCHES = ['copy.ts', 'catch-up.ts', 'decode.ts', 'cutover.ts'];

const model = cpus()[0]?.model ?? 'unknown';
process.stdout.write(
  `${cpus().length} cores (${model}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}\n`,
);
for (const bench of BENCHES) {
  process.stdout.write(`\n${bench}\n`);
  const file = fileURLToPath(new URL(bench, import.meta.url));
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', file], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
