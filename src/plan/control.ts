// Plan section `control`: how a run is watched and steered from outside.

import { z } from 'zod';

const port = z.union([z.literal('off'), z.int().min(0).max(65_535)], {
  error: 'must be a port from 0 to 65535, or off',
});

export const controlSchema = z
  .strictObject({
    directory: z
      .string()
      .min(1)
      .optional()
      .describe("Where the control socket is made. Without it: $MIGRATE_HOME, else .migrate in the user's home."),
    httpPort: port
      .prefault(0)
      .describe(
        'Port of the status page and the control API, on 127.0.0.1 only, for whoever has the token of the run. `0` takes the ' +
          'port that the run had before, else any free one; `off` opens none.',
      ),
    metricsPort: port
      .prefault('off')
      .describe('Port of the Prometheus endpoint, on 127.0.0.1 only. `0` takes any free port, `off` opens none.'),
  })
  .prefault({})
  .describe('How a run is watched and steered from outside.');
