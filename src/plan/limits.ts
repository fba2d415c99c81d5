// Plan section `limits`: how long the run is patient.

import { z } from 'zod';
import { duration } from './units.ts';

export const limitsSchema = z
  .strictObject({
    networkTimeout: duration({
      about: 'A peer that says nothing for so long is taken for lost, and the run connects again.',
      default: '30s',
      min: '1s',
      max: '1h',
    }),
    giveUpAfter: duration({
      about: 'No progress for so long ends the run with the last error. The same command goes on later.',
      default: '15m',
      min: '1s',
      max: '720h',
    }),
  })
  .prefault({})
  .describe('How long the run is patient.');
