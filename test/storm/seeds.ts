// Seeds that were red once, each with what the first storm of that number had found. All are carried out in every test
// run; what they found has a smaller test of its own as well, since another draw makes another storm of a seed.

import type { Pair } from './engines/schema.ts';

export const RED_SEEDS: readonly { readonly seed: number; readonly found: string }[] = [
  { seed: 2, found: 'a runner that was taken over came back and kept the new one out' },
  { seed: 10, found: 'the end of the log ended the apply before what had been read was committed, each time anew' },
];

/** The same between engines. */
export const RED_ENGINE_SEEDS: readonly (Pair & { readonly seed: number; readonly found: string })[] = [];
