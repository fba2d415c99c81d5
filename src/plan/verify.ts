// Plan section `verify`: the comparison of both sides while writes go on.

import { z } from 'zod';
import { count } from './units.ts';

export const verifySchema = z
  .strictObject({
    chunkRows: count({ about: 'Rows per digest, about.', default: 100_000, min: 1, max: 100_000_000 }),
    concurrency: count({ about: 'Chunks compared at once.', default: 2, min: 1, max: 64 }),
    rounds: count({
      about: 'How often a chunk that differs is compared again before its keys are left for the freeze.',
      default: 5,
      min: 1,
      max: 100,
    }),
  })
  .prefault({})
  .describe('The comparison of both sides while writes go on.');
