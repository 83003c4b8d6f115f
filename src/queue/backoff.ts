/** Waits that double from retry to retry. */
export interface Backoff {
  /** Before the first retry, whole seconds from 1. */
  readonly initialSeconds: number;
  /** No wait is longer, seconds; default an hour. */
  readonly maxSeconds?: number;
  /** What part of each wait is left to chance, 0 to 1; default 0.5: between half of it and the whole. */
  readonly jitter?: number;
}

/** Every interval is stored with the job. */
export const MOST_BACKOFFS = 1_000;

/** One interval for each of `max` retries, whole seconds from 1. `random`: 0 to 1, for tests. */
export function backoffIntervals(
  max: number,
  { initialSeconds, maxSeconds = 3_600, jitter = 0.5 }: Backoff,
  random: () => number = Math.random,
): number[] {
  return Array.from({ length: max }, (_, i) => {
    const whole = Math.min(initialSeconds * 2 ** i, maxSeconds);
    return Math.max(1, Math.round(whole * (1 - jitter * random())));
  });
}
