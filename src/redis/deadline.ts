import { LONGEST_TIMER_MS } from '../clock.js';

/** What must be answered by a certain moment. */
export interface Due {
  /** By `performance.now()`. */
  readonly dueAt: number;
  readonly timeoutMs: number;
  readonly reject: (error: Error) => void;
}

/** How exactly deadlines are kept. One timer for all calls costs nothing; one for each is felt. */
const TICK_MS = 25;

/** With less time left before a deadline nothing is tried again: what was seen before says more than that it was too short. Milliseconds. */
export const LEAST_MS = 100;

const waiting = new Set<Due>();
let timer: NodeJS.Timeout | null = null;
/** When it looks at them next, by `performance.now()`: when the first of them is due, or was, had it not been answered. */
let looksAt = Infinity;

/** Calls `reject` when it is due (to 25 ms), unless it was answered. Does not keep the process alive. */
export function expect(due: Due): void {
  waiting.add(due);
  if (due.dueAt + TICK_MS < looksAt) lookAt(due.dueAt);
}

/** It was answered. */
export function forget(due: Due): void {
  waiting.delete(due);
}

/** Rejects when `work` takes longer than `timeoutMs` (to 25 ms); the work itself goes on. Does not keep the process alive. */
export function withDeadline<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const due = { dueAt: performance.now() + timeoutMs, timeoutMs, reject };
    expect(due);
    work.then(
      (value) => {
        forget(due);
        resolve(value);
      },
      (error: unknown) => {
        forget(due);
        reject(error);
      },
    );
  });
}

function lookAt(dueAt: number): void {
  if (timer) clearTimeout(timer);
  looksAt = dueAt;
  timer = setTimeout(look, Math.min(LONGEST_TIMER_MS, Math.max(TICK_MS, dueAt - performance.now()))).unref();
}

/** Later than this, milliseconds, the event loop was held up: what has come meanwhile is read before anything is given up. */
const LATE_MS = 2 * TICK_MS;

function look(): void {
  if (performance.now() - looksAt > LATE_MS) setImmediate(giveUp);
  else giveUp();
}

function giveUp(): void {
  const now = performance.now();
  let next = Infinity;
  for (const due of waiting) {
    if (due.dueAt > now) {
      next = Math.min(next, due.dueAt);
      continue;
    }
    waiting.delete(due);
    due.reject(new Error(`no answer within ${Math.round(due.timeoutMs)} ms`));
  }
  timer = null;
  looksAt = Infinity;
  if (next < Infinity) lookAt(next);
}
