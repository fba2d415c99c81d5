// Plan section `stream`: how changes made during the copy reach the target.

import { z } from 'zod';

export const streamSchema = z
  .strictObject({
    via: z.literal('native').prefault('native').describe("`native` reads the source's own log."),
  })
  .prefault({})
  .describe('How changes made during the copy reach the target. Cannot change once the run has begun.');
