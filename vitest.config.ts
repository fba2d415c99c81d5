import { defineConfig } from 'vitest/config';

// unit: no server. contract: real servers, one database per test. scenario: the real command against live writers,
// `exclusive` ones on servers of their own, one at a time.
export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    globalSetup: ['test/fleet/global-setup.ts'],
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts', 'test/model/**/*.test.ts'] } },
      { extends: true, test: { name: 'contract', include: ['test/contract/**/*.test.ts'] } },
      {
        extends: true,
        test: { name: 'scenario', include: ['test/scenario/shared/**/*.test.ts'], testTimeout: 180_000, maxWorkers: 2 },
      },
      {
        extends: true,
        test: {
          name: 'exclusive',
          include: ['test/scenario/exclusive/**/*.test.ts'],
          testTimeout: 240_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
