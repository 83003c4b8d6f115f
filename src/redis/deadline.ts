interface Waiting {
  readonly dueAt: number;
  readonly timeoutMs: number;
  readonly reject: (error: Error) => void;
}

/** How exactly deadlines are kept. One timer for all calls costs nothing; one for each is felt. */
const TICK_MS = 25;

/** With less time left before a deadline nothing is tried again: what was seen before says more than that it was too short. Milliseconds. */
export const LEAST_MS = 100;

const waiting = new Set<Waiting>();
let timer: NodeJS.Timeout | null = null;
/** When it looks at them next, by `performance.now()`: when the first of them is due, or was, had it not been answered. */
let looksAt = Infinity;

/** Rejects when `work` takes longer than `timeoutMs` (to 25 ms); the work itself goes on. Does not keep the process alive. */
export function withDeadline<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const entry: Waiting = { dueAt: performance.now() + timeoutMs, timeoutMs, reject };
    waiting.add(entry);
    if (entry.dueAt + TICK_MS < looksAt) lookAt(entry.dueAt);
    work.then(
      (value) => {
        waiting.delete(entry);
        resolve(value);
      },
      (error: unknown) => {
        waiting.delete(entry);
        reject(error);
      },
    );
  });
}

function lookAt(dueAt: number): void {
  if (timer) clearTimeout(timer);
  looksAt = dueAt;
  timer = setTimeout(look, Math.min(LONGEST_MS, Math.max(TICK_MS, dueAt - performance.now()))).unref();
}

/** What a timer of Node can wait for. */
const LONGEST_MS = 2 ** 31 - 1;

function look(): void {
  const now = performance.now();
  let next = Infinity;
  for (const entry of waiting) {
    if (entry.dueAt > now) {
      next = Math.min(next, entry.dueAt);
      continue;
    }
    waiting.delete(entry);
    entry.reject(new Error(`no answer within ${Math.round(entry.timeoutMs)} ms`));
  }
  timer = null;
  looksAt = Infinity;
  if (next < Infinity) lookAt(next);
}
