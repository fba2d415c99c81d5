// Plan section `limits`: how long the run is patient, and what it may use of the source.

import { z } from 'zod';
import { duration, size } from './units.ts';

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
    decodingMemory: size({
      about:
        "How much of the source's memory its server may use to put transactions together for the stream before it writes them to disk (PostgreSQL: logical_decoding_work_mem of our one session). Used by large transactions only, which it makes a good deal faster.",
      default: '256MB',
      min: '1MB',
      max: '64GB',
    }),
  })
  .prefault({})
  .describe('How long the run is patient, and what it may use of the source.');
