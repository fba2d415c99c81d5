// Plan section `apply`: how changes are written to the target.

import { z } from 'zod';
import { count, duration, size } from './units.ts';

export const applySchema = z
  .strictObject({
    lanes: count({
      about:
        'Writers on the target, each with its own connection and checkpoint. A run keeps the number it began with.',
      default: 2,
      min: 1,
      max: 64,
    }),
    batchRows: count({ about: 'Row changes that end a batch.', default: 5_000, min: 1, max: 1_000_000 }),
    batchBytes: size({ about: 'Bytes of changes that end a batch.', default: '8MB', min: '1KB', max: '1GB' }),
    batchWait: duration({
      about: 'How long a batch that is not full waits for more changes.',
      default: '20ms',
      min: '0ms',
      max: '10s',
    }),
  })
  .prefault({})
  .describe('How changes are written to the target.');
