import { TsrqError } from '../errors.js';

export const DAY_MS = 86_400_000;

/** A time zone: what is to be added to UTC there, in milliseconds. */
export interface Zone {
  readonly name: string;
  offsetAt(utcMs: number): number;
}

export const UTC: Zone = { name: 'UTC', offsetAt: () => 0 };

/** A zone by its IANA name, as `Europe/Berlin`, with the rules that Node brings along. Throws USAGE for an unknown one. */
export function zoneOf(name: string): Zone {
  if (name === 'UTC') return UTC;
  const format = formatter(name);
  return {
    name,
    offsetAt: (utcMs) => {
      const second = Math.floor(utcMs / 1_000) * 1_000;
      const parts: Record<string, number> = {};
      for (const { type, value } of format.formatToParts(second)) parts[type] = Number(value);
      const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second: seconds = 0 } = parts;
      return Date.UTC(year, month - 1, day, hour, minute, seconds) - second;
    },
  };
}

function formatter(timeZone: string): Intl.DateTimeFormat {
  const two = '2-digit';
  try {
    return new Intl.DateTimeFormat('en-US', {
      ...{ timeZone, hourCycle: 'h23', calendar: 'gregory', numberingSystem: 'latn' },
      ...{ year: 'numeric', month: two, day: two, hour: two, minute: two, second: two },
    });
  } catch {
    throw new TsrqError('USAGE', `'${timeZone}' is no time zone: write a name as Europe/Berlin, or UTC`);
  }
}

/**
 * The moments at which clocks there show `wallMs` (a date and time, written as if it were UTC): one, two where clocks are put
 * back, none where they are put forward.
 */
export function momentsOf(zone: Zone, wallMs: number): readonly number[] {
  // No offset is more than a day: the rules before and after are those of the two neighbouring days.
  const offsets = new Set([zone.offsetAt(wallMs - DAY_MS), zone.offsetAt(wallMs + DAY_MS)]);
  const moments = [...offsets].map((offset) => wallMs - offset);
  return moments.filter((utcMs) => utcMs + zone.offsetAt(utcMs) === wallMs).sort((a, b) => a - b);
}

/** What clocks show when a gap is over in which `wallMs` lies. */
export function endOfGap(zone: Zone, wallMs: number): number {
  let before = wallMs - DAY_MS;
  let after = wallMs + DAY_MS;
  const old = zone.offsetAt(before);
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (zone.offsetAt(middle) === old) before = middle;
    else after = middle;
  }
  return after + zone.offsetAt(after);
}
