// Ends the output of a test run with one line that can be counted: `N passed, N failed, N skipped`. Says before it when no
// real Oracle was there.

import type { Reporter, TestModule } from 'vitest/node';

const NO_ORACLE =
  'no real Oracle was there (set ORACLE_TEST_URL): its parser, its locks and undo, rights, limits of LOBs in statements, TLS and wallets are not proved, only our use of its driver on a stand-in\n';

// Vitest takes a reporter as the default export of a file.
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state !== 'pending') count[state]++;
      }
      // A file that could not be loaded has no tests to fail.
      if (module.errors().length > 0) count.failed++;
    }
    const standIn = modules.some(({ project }) => project.name === 'oracle') && !process.env.ORACLE_TEST_URL;
    // After the other reporters' own closing lines.
    process.once('exit', () => {
      if (standIn) process.stdout.write(NO_ORACLE);
      process.stdout.write(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`);
    });
  }
}
