import type { Reporter, TestCase, TestModule } from 'vitest/node';

/**
 * Ends the run with one plain line, `tests: 12 passed, 0 failed, 3 skipped`, and before it names what was skipped, what
 * failed and with which error, and what passed only on a second try. Where CI is set a skipped test is a failure: what
 * could not be tested there was not tested at all; unless its name says `not applicable: …`, for what no installation of
 * anything would help against.
 */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const outcomes = modules.map(outcomeOf);
    const sum = (of: (outcome: Outcome) => number): number => outcomes.reduce((total, next) => total + of(next), 0);
    const skipped = outcomes.flatMap((outcome) => outcome.skipped);
    const avoidable = skipped.filter((name) => !name.includes('not applicable: '));
    const strict = Boolean(process.env['CI']) && avoidable.length > 0;
    for (const name of skipped) console.log(`skipped: ${name}`);
    for (const line of outcomes.flatMap((outcome) => outcome.remarks)) console.log(line);
    if (strict) {
      console.log(`CI is set, so the run has failed: ${avoidable.length} skipped, named above`);
      process.exitCode = 1;
    }
    const tail = skipped.length > 0 ? `, ${skipped.length} skipped` : '';
    console.log(
      `tests: ${sum(({ passed }) => passed)} passed, ${sum(({ failed }) => failed) + errors.length} failed${tail}`,
    );
  }
}

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly string[];
  readonly remarks: readonly string[];
}

function outcomeOf(module: TestModule): Outcome {
  const tests = [...module.children.allTests()];
  const ended = (state: string): TestCase[] => tests.filter((test) => test.result().state === state);
  // What stands under a set-up that broke the runner calls skipped, what an end of the run cut off it leaves pending.
  const notReached = [...ended('skipped').filter(isUnderBroken), ...ended('pending')];
  const broken = module.errors().length + [...module.children.allSuites()].flatMap((suite) => suite.errors()).length;
  return {
    passed: ended('passed').length,
    failed: ended('failed').length + Math.max(notReached.length, broken),
    skipped: ended('skipped')
      .filter((test) => !isUnderBroken(test))
      .map(nameOf),
    remarks: [
      ...module.errors().map((error) => `failed: ${module.relativeModuleId}: ${firstLineOf(error)}`),
      ...ended('failed').map((test) => `failed: ${nameOf(test)}: ${firstLineOf(test.result().errors?.[0])}`),
      ...tests
        .filter((test) => test.diagnostic()?.flaky)
        .map((test) => `second try: ${nameOf(test)}: ${firstLineOf(test.result().errors?.[0])}`),
    ],
  };
}

function nameOf(test: TestCase): string {
  return `${test.module.relativeModuleId} > ${test.fullName}`;
}

function firstLineOf(error: { message: string } | undefined): string {
  return error?.message.split('\n', 1)[0]?.slice(0, 300) ?? 'no message';
}

function isUnderBroken(test: TestCase): boolean {
  for (let parent = test.parent; ; parent = parent.parent) {
    if (parent.errors().length > 0) return true;
    if (parent.type === 'module') return false;
  }
}
