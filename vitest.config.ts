import { defineConfig } from 'vitest/config';

// unit: no server. contract: each part against real servers, a database per test. scenario: the built command against
// live writers. faults: the same under kills, cuts and restarts, on servers of their own, one file at a time.
// storm: whole runs made up by a seed. mysql: the parts for MySQL and MariaDB, on their servers. kafka: the parts for Kafka
// Connect and Debezium, on a broker and a worker; kafka-storm: a whole run with them, made up by a seed. oracle: the parts for
// Oracle, on a stand-in or on the server that ORACLE_TEST_URL names. oracle-grammar: what those sent, held against Oracle's
// grammar afterwards.
export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    globalSetup: ['test/fleet/global-setup.ts'],
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts', 'test/model/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'contract',
          include: ['test/contract/**/*.test.ts'],
          exclude: ['test/contract/{mysql,kafka}-*.test.ts'],
        },
      },
      {
        extends: true,
        test: { name: 'scenario', include: ['test/scenario/*.test.ts'], testTimeout: 180_000, fileParallelism: false },
      },
      {
        extends: true,
        test: {
          name: 'faults',
          include: ['test/scenario/faults/**/*.test.ts'],
          testTimeout: 240_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: { name: 'storm', include: ['test/storm/*.test.ts'], testTimeout: 240_000, fileParallelism: false },
      },
      {
        extends: true,
        test: {
          name: 'mysql',
          include: ['test/first-look/**/*.test.ts', 'test/contract/mysql-*.test.ts', 'test/scenario/mysql/*.test.ts'],
          testTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'kafka',
          include: ['test/contract/kafka-*.test.ts', 'test/scenario/kafka/*.test.ts'],
          testTimeout: 180_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: { name: 'kafka-storm', include: ['test/storm/kafka/*.test.ts'], testTimeout: 500_000 },
      },
      {
        extends: true,
        test: {
          name: 'oracle',
          include: ['test/oracle/**/*.test.ts'],
          testTimeout: 180_000,
          // A real server is one, and each file makes its schemas anew.
          fileParallelism: process.env.ORACLE_TEST_URL === undefined,
        },
      },
      {
        extends: true,
        test: {
          name: 'oracle-grammar',
          include: ['test/oracle-grammar/*.test.ts'],
          testTimeout: 120_000,
          // After the others.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
