interface Waiting {
  readonly dueAt: number;
  readonly timeoutMs: number;
  readonly reject: (error: Error) => void;
}

/** How exactly deadlines are kept. One timer for all calls costs nothing; one for each is felt. */
const TICK_MS = 25;

const waiting = new Set<Waiting>();
let timer: NodeJS.Timeout | null = null;

/** Rejects when `work` takes longer than `timeoutMs` (to 25 ms); the work itself goes on. Does not keep the process alive. */
export function withDeadline<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const entry: Waiting = { dueAt: performance.now() + timeoutMs, timeoutMs, reject };
    waiting.add(entry);
    timer ??= setTimeout(tick, TICK_MS).unref();
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

function tick(): void {
  const now = performance.now();
  for (const entry of waiting) {
    if (entry.dueAt > now) continue;
    waiting.delete(entry);
    entry.reject(new Error(`no answer within ${Math.round(entry.timeoutMs)} ms`));
  }
  timer = waiting.size === 0 ? null : setTimeout(tick, TICK_MS).unref();
}
