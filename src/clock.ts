/** The longest that a timer of Node can wait, milliseconds; one that is to wait longer fires at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** From here on the system's clock was set, or the machine slept: `performance.now()` knows of neither. Milliseconds. */
const STEP_MS = 100;

let origin = performance.timeOrigin;

/**
 * Now, in milliseconds since the epoch with a fraction: RQ's dates have microseconds. It follows the system's clock where that is set,
 * so that what takes time is measured by `performance.now()`.
 */
export function clock(): number {
  const [now, wall] = [origin + performance.now(), Date.now()];
  if (Math.abs(wall - now) < STEP_MS) return now;
  origin += wall - now;
  return wall;
}

/** A point in time, as both clocks of this machine have it, milliseconds: one stops while the machine sleeps, the other can be set. */
export interface Moment {
  readonly steady: number;
  readonly wall: number;
}

/** The present. */
export function moment(): Moment {
  return { steady: performance.now(), wall: Date.now() };
}

/** Milliseconds since then by that of the clocks which has gone further: it may be too much, not too little. */
export function mostSince({ steady, wall }: Moment): number {
  return Math.max(performance.now() - steady, Date.now() - wall);
}
