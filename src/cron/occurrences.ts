import type { CronExpression } from './expression.js';
import { nextTime } from './next-time.js';
import type { Zone } from './zone.js';

/** When something is to run. `text` tells one schedule from another. */
export type Schedule =
  | { readonly kind: 'cron'; readonly expression: CronExpression; readonly zone: Zone; readonly text: string }
  | { readonly kind: 'interval'; readonly seconds: number; readonly text: string };

/** An occurrence that is later than that was missed. */
const MISSED_AFTER_SECONDS = 60;

/** The first occurrence after one, or after any moment for a cron expression; whole seconds since the epoch, null for never. */
export function occurrenceAfter(schedule: Schedule, moment: number): number | null {
  if (schedule.kind === 'interval') return moment + schedule.seconds;
  const next = nextTime(schedule.expression, schedule.zone, moment * 1_000);
  return next === null ? null : next / 1_000;
}

interface Policy {
  readonly schedule: Schedule;
  readonly missed: 'skip' | 'once' | 'all';
  readonly maxMissed: number;
}

/** What has come since an entry was last looked at. */
export interface Due {
  /** To be enqueued, in order. */
  readonly moments: readonly number[];
  /** The last one that has come, whether it is to be enqueued or not; null if none has. */
  readonly last: number | null;
}

/**
 * Of the occurrences after `done` that have come at `now`: the last one, those before it under `all`, none under `skip` if
 * even the last one was missed.
 */
export function dueOccurrences({ schedule, missed, maxMissed }: Policy, done: number, now: number): Due {
  const passed = latest(schedule, done, now, missed === 'all' ? maxMissed : 1);
  const last = passed.at(-1) ?? null;
  const skips = missed === 'skip' && last !== null && now - last > MISSED_AFTER_SECONDS;
  return { moments: skips ? [] : passed, last };
}

/** Back from now in steps: a schedule that has been asleep for a year is not counted through second by second. */
const WINDOWS_SECONDS = [60, 3_600, 86_400, 3_456_000, Infinity];

/** The latest occurrences in `done` < x <= `now`, at most `count`, in order. */
function latest(schedule: Schedule, done: number, now: number, count: number): number[] {
  if (schedule.kind === 'interval') {
    const { seconds } = schedule;
    const passed = Math.floor((now - done) / seconds);
    const wanted = Math.max(0, Math.min(passed, count));
    return Array.from({ length: wanted }, (_, i) => done + (passed - wanted + 1 + i) * seconds);
  }
  for (const window of WINDOWS_SECONDS) {
    const from = Math.max(done, now - window);
    const found: number[] = [];
    for (let at = occurrenceAfter(schedule, from); at !== null && at <= now; at = occurrenceAfter(schedule, at)) {
      found.push(at);
      if (found.length > count) found.shift();
    }
    if (found.length === count || from === done) return found;
  }
  return [];
}
