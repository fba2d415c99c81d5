// The part of the catalogue of error codes that is about servers without room. Sorted by code.

import { type CodeEntry, entry } from './code-entry.ts';

export const SOURCE_FULL_CODES = {
  'SOURCE.FULL': entry(
    2,
    'retry',
    'The source has no space left on a disk, or in what it may use of one.',
    'Make room on the server. The run tries again for as long as it takes, and goes on by itself.',
  ),
} as const satisfies Record<string, CodeEntry>;

export const TARGET_FULL_CODES = {
  'TARGET.FULL': entry(
    2,
    'retry',
    'The target has no space left on a disk, or in what it may use of one.',
    'Make room on the server. The run tries again for as long as it takes, and goes on by itself. `health` in the plan can hold it before that.',
  ),
} as const satisfies Record<string, CodeEntry>;
