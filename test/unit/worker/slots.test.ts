import { expect, it } from 'vitest';
import { moment } from '../../../src/clock.js';
import type { ClaimedJob } from '../../../src/queue/claim.js';
import type { Performer } from '../../../src/worker/horses/performer.js';
import type { WorkerOptions } from '../../../src/worker/options.js';
import { Slots } from '../../../src/worker/slots.js';

/** Slots that begin jobs and never see them end, and the ids of those that began. */
function slots(): { readonly slots: Slots; readonly begun: string[] } {
  const begun: string[] = [];
  const performer = { perform: () => ({ abort: () => undefined, kill: () => undefined }) } as unknown as Performer;
  const options = { name: 'w', concurrency: 4, claimAhead: false, maxJobs: null } as unknown as WorkerOptions;
  const made = new Slots(options, performer, {
    processPrefix: '0123456789abcdef',
    tell: (event) => {
      if (event.type === 'job-started') begun.push(event.id);
    },
    onEnded: () => undefined,
    onUnable: () => undefined,
    onChange: () => undefined,
    share: null,
  });
  return { slots: made, begun };
}

const job = (n: number, ago: { readonly steady?: number; readonly wall?: number } = {}): ClaimedJob => {
  const { steady, wall } = moment();
  const askedAt = { steady: steady - (ago.steady ?? 0), wall: wall - (ago.wall ?? 0) };
  return { id: `j${n}`, executionId: `e${n}`, queue: 'q', timeout: '', askedAt } as unknown as ClaimedJob;
};

it('gives back what may be the job of another by now: the process was stopped, or the machine asleep', () => {
  for (const ago of [{ steady: 46_000, wall: 46_000 }, { wall: 46_000 }, { steady: 46_000 }]) {
    const { slots: mine, begun } = slots();
    mine.add([job(1), job(2, ago)]);
    mine.fill();
    expect(begun).toEqual([]);
    expect(mine.take(true).returns.map(({ id }) => id)).toEqual(['j1', 'j2']);
    mine.add([job(3)]);
    mine.fill();
    expect(begun).toEqual(['j3']);
  }
});

it('begins what was claimed some seconds ago', () => {
  const { slots: mine, begun } = slots();
  mine.add([job(1, { steady: 20_000, wall: 20_000 })]);
  mine.fill();
  expect(begun).toEqual(['j1']);
});
