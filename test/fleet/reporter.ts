// Ends the output of a test run with one line that can be counted: `N passed, N failed, N skipped`.

import type { Reporter, TestModule } from 'vitest/node';

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
    // After the other reporters' own closing lines.
    process.once('exit', () => {
      process.stdout.write(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`);
    });
  }
}
