// Plan section `snapshot`: the copy of what was there at the start.

import { z } from 'zod';
import { count, duration, limit, sizeLimit } from './units.ts';

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
    maxRowsPerSecond: limit({
      about:
        'Rows copied each second, on the average: a chunk is copied as fast as it goes, and the next one waits. `migrate throttle` changes it while the run is on.',
      default: 'off',
      min: 1,
      max: 1_000_000_000,
    }),
    maxBytesPerSecond: sizeLimit({
      about: 'Bytes copied each second, on the average, in the same way.',
      default: 'off',
      min: '1KB',
      max: '100GB',
    }),
    maxAge: duration({
      about:
        'How long one snapshot is held. It keeps vacuum from cleaning the source; after this a new one is taken ' +
        'and the copy goes on.',
      default: '24h',
      min: '1s',
      max: '720h',
    }),
    directPath: z
      .boolean()
      .prefault(false)
      .describe(
        'Loads rows by the direct path of Oracle, a chunk of up to 32 MB in one statement; a larger chunk goes the conventional way. ' +
          'Each table stands open to other writers until it is copied. Only with `target: { kind: oracle }` and tables that the run ' +
          'makes; see [Oracle](oracle.md#the-direct-path) for when it pays. Counts for the tables that are made from then on.',
      ),
  })
  .prefault({})
  .describe('The copy of what was there at the start.');
