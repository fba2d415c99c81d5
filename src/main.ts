#!/usr/bin/env node

// argv → command, exit codes and signals. The only place that ends the process.

import { runCommandLine } from './cli/program.ts';
import { createApplication } from './compose.ts';
import { MigrateError } from './lib/errors.ts';
import { SIGNAL_EXITS } from './lib/exits.ts';
import { Secrets } from './observe/secrets.ts';

const stop = new AbortController();
let signalled: number | undefined;
for (const [signal, code] of Object.entries(SIGNAL_EXITS)) {
  process.on(signal, () => {
    // A second signal means now; what is on disk and in the databases is resumable at any moment.
    if (signalled !== undefined) process.exit(code);
    signalled = code;
    stop.abort(new MigrateError('INTERRUPTED', `stopped by ${signal}`));
  });
}
// `migrate status | head` closes our stdout early; that is the reader's good right.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const secrets = new Secrets();
const code = await runCommandLine(process.argv.slice(2), createApplication(), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  signal: stop.signal,
  secrets,
});
// Exiting at once would cut output that a pipe has not taken yet.
await Promise.all(
  [process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write('', resolve))),
);
process.exit(signalled ?? code);
