import type { Reporter, TestModule } from 'vitest/node';

/**
 * Ends the run with one plain line, `tests: 12 passed, 0 failed, 3 skipped`. Where CI is set a skipped test is a failure:
 * what could not be tested there was not tested at all.
 */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    const skipped: string[] = [];
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        count[state] += 1;
        if (state === 'skipped') skipped.push(test.fullName);
      }
      if (module.state() === 'failed' && [...module.children.allTests()].length === 0) count.failed += 1;
    }
    for (const name of skipped) console.log(`skipped: ${name}`);
    const tail = count.skipped > 0 ? `, ${count.skipped} skipped` : '';
    console.log(`tests: ${count.passed} passed, ${count.failed} failed${tail}`);
    if (process.env['CI'] && count.skipped > 0) {
      console.log('CI is set: skipped tests count as failures');
      process.exitCode = 1;
    }
  }
}
