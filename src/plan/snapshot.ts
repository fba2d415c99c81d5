// Plan section `snapshot`: the copy of what was there at the start.

import { z } from 'zod';
import { count, duration } from './units.ts';

export const snapshotSchema = z
  .strictObject({
    readers: count({
      about:
        'Chunks copied at once; each takes one connection to the source and two to the target. Afterwards large tables whose indexes are built at once.',
      default: 2,
      min: 1,
      max: 64,
    }),
    chunkRows: count({
      about: 'Rows per chunk, about: what a crash makes the run copy again.',
      default: 100_000,
      min: 1,
      max: 100_000_000,
    }),
    maxAge: duration({
      about:
        'How long one snapshot is held. It keeps vacuum from cleaning the source; after this a new one is taken ' +
        'and the copy goes on.',
      default: '24h',
      min: '1s',
      max: '720h',
    }),
  })
  .prefault({})
  .describe('The copy of what was there at the start.');
