// Plan section `cutover`: when, how long, and what makes the applications follow.

import { z } from 'zod';
import { count, duration } from './units.ts';

const argv = z.array(z.string().min(1)).min(1);

const commandSwitch = z
  .strictObject({
    kind: z.literal('command').describe('Runs a program of yours.'),
    run: argv.describe('The program and its arguments, one list entry each; no shell is involved.'),
    undo: argv.optional().describe('What takes it back when a later switch fails.'),
    timeout: duration({
      about: 'How long the program may take; then it is ended and its outcome counts as unknown.',
      default: '30s',
      min: '100ms',
      max: '1h',
    }),
    idempotent: z
      .boolean()
      .prefault(false)
      .describe('True when running it twice is the same as once: then it is run again after a crash. True or false.'),
  })
  .describe('A program that points the applications at the target.');

const operatorSwitch = z
  .strictObject({
    kind: z.literal('operator').describe('Waits for a person.'),
    message: z.string().min(1).describe('What the person is asked to do and then to confirm.'),
  })
  .describe('A person who points the applications at the target.');

const REVERSE =
  'must be off: this version keeps no way back after the cutover, and a plan has to say that this is accepted (debezium: only checked)';

export const cutoverSchema = z
  .strictObject(
    {
      when: z
        .enum(['auto', 'manual', 'never'])
        .prefault('manual')
        .describe(
          '`manual` waits for `migrate cutover`; `auto` goes on as soon as verification has passed; `never` keeps the target in ' +
            'step with the source, compared and closed to other writers, for as long as the run lives.',
        ),
      maxLag: duration({
        about: 'The cutover starts only while the target is no further behind than this.',
        default: '1s',
        min: '10ms',
        max: '1h',
      }),
      budget: duration({
        about: 'The longest the source may stay closed to writes. When it is used up the source opens by itself.',
        default: '10s',
        min: '500ms',
        max: '10m',
      }),
      openTransactions: z
        .enum(['wait', 'end'])
        .prefault('wait')
        .describe(
          'What happens to transactions that still hold writes when the source closes: `wait` for them, or `end` them.',
        ),
      retries: count({
        about: 'How often a freeze that ran out of time is tried again.',
        default: 10,
        min: 0,
        max: 1_000,
      }),
      sequenceMargin: count({
        about:
          'How far sequences are moved ahead on the target, to cover values handed out but not yet used; up to twice as far ' +
          'where the target is MySQL. AUTO_INCREMENT of MySQL and MariaDB needs none: it counts what was handed out.',
        default: 1_000,
        min: 0,
        max: 1_000_000_000,
      }),
      switch: z
        .array(z.discriminatedUnion('kind', [commandSwitch, operatorSwitch]))
        .prefault([])
        .describe('What makes the applications follow, in order. It runs while both sides are closed.'),
      reverse: z
        .enum(['off', 'debezium'], {
          error: (issue) => (issue.input === undefined ? `is missing and ${REVERSE}` : REVERSE),
        })
        .describe(
          'Required. `off`: this version keeps no way back after the cutover. `debezium`, for a target of Oracle: `migrate check` and ' +
            '`migrate grants` say what a stream back to the source would need of the server; no run begins with it.',
        ),
      reverseAccount: z
        .string()
        .regex(/^[A-Z][A-Z0-9_$#]{0,29}$/, { error: 'must be a name in capitals, as Oracle keeps it' })
        .prefault('C##DEBEZIUM')
        .describe('With `reverse: debezium`: the account of Oracle that Debezium would log in with.'),
    },
    {
      error: (issue) =>
        issue.input === undefined
          ? 'is missing; it needs at least `reverse: off`, which says there is no way back'
          : undefined,
    },
  )
  .describe('When the applications change sides, how long that may take, and what makes them follow.');
