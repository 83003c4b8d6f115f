import type { CronExpression, DayRule } from './expression.js';
import { DAY_MS, endOfGap, momentsOf, type Zone } from './zone.js';

/** croniter gives up then. */
const MAX_YEARS = 50;

/**
 * The first moment after `afterMs` that an expression names in a zone, milliseconds since the epoch; null if there is none within
 * 50 years. croniter's rules where clocks change: a time that is skipped is taken at the end of the gap, unless the hour
 * is `*`: then it is left out. A time that comes twice, when clocks are put back, is taken twice.
 */
export function nextTime(expression: CronExpression, zone: Zone, afterMs: number): number | null {
  let best: Place | null = null;
  for (const rule of expression.dayRules) {
    const found = nextPlace(expression, rule, zone, afterMs);
    if (!found && expression.needsEveryRule) return null;
    // Two alternatives are compared by what clocks show, as croniter does.
    if (found && (best === null || found.wallMs < best.wallMs)) best = found;
  }
  return best?.utcMs ?? null;
}

/** A moment and what clocks show then. */
interface Place {
  readonly utcMs: number;
  readonly wallMs: number;
  /** False: clocks never show what was wanted; this is the first minute after it. */
  readonly exists: boolean;
}

function nextPlace(expression: CronExpression, rule: DayRule, zone: Zone, afterMs: number): Place | null {
  const offset = zone.offsetAt(afterMs);
  let wallMs = nextWall(expression, rule, afterMs + offset);
  if (wallMs === null) return null;
  let found = place(zone, wallMs, afterMs);
  if (!found.exists && (found.utcMs <= afterMs || expression.everyHour)) {
    wallMs = nextWall(expression, rule, endOfGap(zone, wallMs) - 1);
    if (wallMs === null) return null;
    found = place(zone, wallMs, afterMs);
  }
  const change = zone.offsetAt(found.utcMs) - offset;
  if (change === 0) return found;
  // Clocks change before that: by the new time something may be due earlier.
  const otherMs = nextWall(expression, rule, afterMs + offset + change);
  if (otherMs === null) return found;
  const other = place(zone, otherMs, afterMs);
  return other.exists && other.utcMs > afterMs && other.utcMs < found.utcMs ? other : found;
}

/** Of two moments with that time the first that is still to come. */
function place(zone: Zone, wallMs: number, afterMs: number): Place {
  const moments = momentsOf(zone, wallMs);
  const utcMs = moments.find((moment) => moment > afterMs) ?? moments.at(-1);
  if (utcMs !== undefined) return { utcMs, wallMs, exists: true };
  const minutes = Math.ceil((endOfGap(zone, wallMs) - wallMs) / 60_000);
  const shifted = wallMs + minutes * 60_000;
  return { utcMs: momentsOf(zone, shifted)[0] ?? shifted, wallMs: shifted, exists: false };
}

/** The first date and time after `fromWallMs` that fits, both as if they were UTC. */
function nextWall(expression: CronExpression, rule: DayRule, fromWallMs: number): number | null {
  const unitMs = expression.hasSeconds ? 1_000 : 60_000;
  const start = (Math.floor(fromWallMs / unitMs) + 1) * unitMs;
  let dayMs = Math.floor(start / DAY_MS) * DAY_MS;
  const lastYear = new Date(dayMs).getUTCFullYear() + MAX_YEARS;
  for (;;) {
    const date = new Date(dayMs);
    const year = date.getUTCFullYear();
    const month = date.getUTCMonth();
    if (year > lastYear) return null;
    if (expression.years?.has(year) === false) dayMs = Date.UTC(year + 1, 0, 1);
    else if (expression.months?.has(month + 1) === false) dayMs = Date.UTC(year, month + 1, 1);
    else {
      const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
      const fits = rule({ day: date.getUTCDate(), weekday: date.getUTCDay(), lastDay });
      const secondOfDay = fits ? timeOfDay(expression, Math.max(0, start - dayMs) / 1_000) : null;
      if (secondOfDay !== null) return dayMs + secondOfDay * 1_000;
      dayMs += DAY_MS;
    }
  }
}

/** The first time of day that fits, from a second of the day on. */
function timeOfDay({ hours, minutes, seconds }: CronExpression, from: number): number | null {
  for (const hour of hours) {
    if (hour * 3_600 + 3_599 < from) continue;
    for (const minute of minutes) {
      const base = hour * 3_600 + minute * 60;
      const second = seconds.find((value) => base + value >= from);
      if (second !== undefined) return base + second;
    }
  }
  return null;
}
