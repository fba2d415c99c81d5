// Plan section `apply`: how changes are written to the target.

import { z } from 'zod';
import { count, duration, durationLimit, limit, size, sizeLimit } from './units.ts';

export const applySchema = z
  .strictObject({
    lanes: count({
      about:
        'Writers on the target, each with its own connection and checkpoint. Another number takes effect at the next start.',
      default: 2,
      min: 1,
      max: 64,
    }),
    batchRows: count({
      about:
        'Row changes that end a batch. While the target keeps up batches are smaller: they hold what arrived meanwhile.',
      default: 20_000,
      min: 1,
      max: 1_000_000,
    }),
    batchBytes: size({ about: 'Bytes of changes that end a batch.', default: '8MB', min: '1KB', max: '1GB' }),
    batchWait: duration({
      about: 'How long a batch that is not full waits for more changes.',
      default: '20ms',
      min: '0ms',
      max: '10s',
    }),
    shareAfter: duration({
      about:
        'How far behind the target must be before lanes are given to the workers (`migrate worker`) of the run; they are taken back when it is less than `cutover.maxLag` behind. Only where several processes can read the log: through Debezium, and of MySQL and MariaDB. With `onBadRow: deadLetter` workers copy only.',
      default: '5s',
      min: '100ms',
      max: '1h',
    }),
    maxRowsPerSecond: limit({
      about:
        'Row changes written to the target each second, on the average. `migrate throttle` changes it while the run is on.',
      default: 'off',
      min: 1,
      max: 1_000_000_000,
    }),
    maxBytesPerSecond: sizeLimit({
      about: 'Bytes of changes written to the target each second, on the average.',
      default: 'off',
      min: '1KB',
      max: '100GB',
    }),
    batchPause: duration({
      about: 'How long the target is left alone after each batch.',
      default: '0ms',
      min: '0ms',
      max: '1m',
    }),
    batchGoal: durationLimit({
      about:
        'How long the target should take for a batch, its commits included. While it takes longer batches become smaller, by half at once, with a pause after each; they grow again step by step. Not for tables without a key: reading one as a whole takes as long for a small batch.',
      default: 'off',
      min: '1ms',
      max: '10m',
    }),
    maxTransactionRows: count({
      about:
        'A transaction of the source with more row changes than this is committed in parts of about as many, so that it never keeps a transaction of the target open for long. Readers of the target see it in part until its end; a warning tells of it. One that touches a table without a key stays whole.',
      default: 1_000_000,
      min: 1_000,
      max: 1_000_000_000,
    }),
    onBadRow: z
      .enum(['stop', 'deadLetter'])
      .default('stop')
      .describe(
        'What happens when the target refuses a row change for what is in it (a constraint, a value its type cannot take). stop: the run stops. deadLetter: the change and all later ones of its key are kept in migrate.dead_letter until each is replayed or waived; until then there is no cutover.',
      ),
    deadLetterLimit: count({
      about: 'Open dead letters at most, later changes of their keys included; one more stops the run.',
      default: 100,
      min: 1,
      max: 100_000,
    }),
  })
  .prefault({})
  .describe('How changes are written to the target.');
