// Plan section `notify`: who is told what becomes of the run.

import { z } from 'zod';
import { duration } from './units.ts';

/** In the order in which they are documented. */
export const NEWS = ['stage', 'paused', 'error', 'ready', 'done'] as const;

const shared = {
  on: z
    .array(z.enum(NEWS))
    .min(1)
    .prefault(['paused', 'error', 'ready', 'done'])
    .describe(
      'What is told. `stage`: a stage begins. `paused`: the run is held, by an operator or because a server is unwell, and when it ' +
        'goes on. `error`: an error that is tried again, or that ends the run; once for each code until there is progress. `ready`: ' +
        'only the permission to cut over is missing. `done`: the run is complete, or the copy is open.',
    ),
  timeout: duration({
    about:
      'How long one attempt may take. There are three; then the message is given up, with a warning. The run never waits.',
    default: '10s',
    min: '100ms',
    max: '5m',
  }),
};

const webhook = z
  .strictObject({
    kind: z.literal('webhook').describe('Posts JSON.'),
    url: z
      .url({ protocol: /^https?$/, error: 'must be a url that begins with https:// or http://' })
      .describe('Where to. Who knows it can often write there: take it from a variable.'),
    ...shared,
  })
  .describe('A POST with `run`, `event`, `stage`, `at` and `text`.');

const command = z
  .strictObject({
    kind: z.literal('command').describe('Runs a program of yours.'),
    run: z
      .array(z.string().min(1))
      .min(1)
      .describe('The program and its arguments, one list entry each; no shell is involved.'),
    ...shared,
  })
  .describe('A program with MIGRATE_RUN, MIGRATE_EVENT, MIGRATE_STAGE and MIGRATE_TEXT in its environment.');

export const notifySchema = z
  .array(z.discriminatedUnion('kind', [webhook, command]))
  .max(20)
  .prefault([])
  .describe('Who is told what becomes of the run.');
