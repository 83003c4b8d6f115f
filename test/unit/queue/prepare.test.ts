import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NewJob } from '../../../src/queue/new-job.js';
import { checkAll, prepare, prepared } from '../../../src/queue/prepare.js';

const plain = {
  functionName: fc.constantFrom('a.b', 'c.d'),
  args: fc.constantFrom([1], [2, 'x']),
  queue: fc.constantFrom('q', undefined),
  timeoutSeconds: fc.constantFrom(5, undefined),
  resultTtlSeconds: fc.constantFrom(100, undefined),
};
/** Mostly jobs of which one says what another has said, or less, or more; some say it by objects. */
const job = fc.oneof(
  { weight: 5, arbitrary: fc.record(plain, { requiredKeys: ['functionName'] }) },
  {
    weight: 1,
    arbitrary: fc.record(
      {
        ...plain,
        atFront: fc.boolean(),
        serializer: fc.constantFrom('json', 'pickle'),
        meta: fc.constantFrom({ a: 1 }, {}, undefined),
        retry: fc.constantFrom({ max: 2 }, undefined),
        id: fc.constantFrom('one', undefined),
        ttlSeconds: fc.constantFrom(7, undefined),
        scheduleInSeconds: fc.constantFrom(9, undefined),
        description: fc.constantFrom('said', undefined),
      },
      { requiredKeys: ['functionName'] },
    ),
  },
) as fc.Arbitrary<NewJob>;

/** Without what is new each time. */
const known = ({ id: _, ...rest }: ReturnType<typeof prepare>): object => rest;

describe('jobs that are prepared one after the other', () => {
  it('are each what they are by themselves, whatever was said before', () => {
    fc.assert(
      fc.property(fc.array(job, { minLength: 2, maxLength: 12 }), (jobs) => {
        jobs.forEach((one, n) => {
          const nowMs = 1_790_000_000_000 + n * 1_234.5;
          const byThemselves = checkAll([one], nowMs).map(prepared).map(known);
          expect([known(prepare(one, nowMs))]).toEqual(byThemselves);
        });
      }),
      { numRuns: 500 },
    );
  });

  it('are looked at again where an object said it, which is another inside now', () => {
    const options = { functionName: 'a.b', meta: { a: 1 } };
    const first = prepare(options, 0);
    options.meta.a = 2;
    expect(known(prepare(options, 0))).not.toEqual(known(first));
  });

  it('are looked at again where they are objects of a class, which may say things in other ways', () => {
    class Said implements NewJob {
      readonly functionName = 'a.b';
      get queue(): string {
        return 'of the class';
      }
    }
    prepare({ functionName: 'a.b' }, 0);
    expect(prepare(new Said(), 0).queue).toBe('of the class');
    expect(prepare({ functionName: 'a.b' }, 0).queue).toBe('default');
  });
});
