import { TsrqError } from '../errors.js';
import { DAY, FieldError, parseField, WEEKDAY, type Allowed } from './field.js';

/** A day of the calendar, as far as rules look at it. */
export interface Day {
  readonly day: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  /** How many days its month has. */
  readonly lastDay: number;
}

export type DayRule = (day: Day) => boolean;

/**
 * A cron expression as croniter, RQ's library, reads it: minute, hour, day of month, month, day of week, and where there are
 * six or seven fields then second and year. Values ascend.
 */
export interface CronExpression {
  readonly text: string;
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly seconds: readonly number[];
  /** Null: every month, every year. */
  readonly months: ReadonlySet<number> | null;
  readonly years: ReadonlySet<number> | null;
  /** False: it hits whole minutes. */
  readonly hasSeconds: boolean;
  /** `*` for hours: what falls into a gap of the clock is left out, not moved to its end. */
  readonly everyHour: boolean;
  /** Any of them is enough: there are two where both the day of month and the day of week are restricted. */
  readonly dayRules: readonly DayRule[];
  /** With `#` and `W` croniter finds nothing at all where one of two rules never holds. */
  readonly needsEveryRule: boolean;
}

const ALIASES: ReadonlyMap<string, string> = new Map([
  ['@midnight', '0 0 * * *'],
  ['@hourly', '0 * * * *'],
  ['@daily', '0 0 * * *'],
  ['@weekly', '0 0 * * 0'],
  ['@monthly', '0 0 1 * *'],
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
]);

/** Reads an expression. Throws USAGE that names the field and what is wrong with it. */
export function parseExpression(text: string): CronExpression {
  const lower = text.toLowerCase();
  const words = (ALIASES.get(lower) ?? lower).match(/[^ \t\n\r\f\v]+/g) ?? [];
  if (words.length < 5 || words.length > 7) {
    throw usage(text, `${words.length} ${words.length === 1 ? 'field' : 'fields'}, not 5, or 6 with the seconds last`);
  }
  try {
    const fields = words.map((_, index) => parseField(words, index));
    return assemble(text, fields);
  } catch (error) {
    throw error instanceof FieldError ? usage(text, error.message) : error;
  }
}

function assemble(text: string, fields: readonly Allowed[]): CronExpression {
  const [minutes, hours, , months, , seconds, years] = fields;
  return {
    text,
    minutes: listOf(minutes, 60),
    hours: listOf(hours, 24),
    seconds: seconds ? listOf(seconds, 60) : [0],
    months: restriction(months),
    years: restriction(years),
    hasSeconds: seconds !== undefined,
    everyHour: hours?.every === true,
    ...daysOf(fields[DAY] as Allowed, fields[WEEKDAY] as Allowed),
  };
}

const listOf = (field: Allowed | undefined, count: number): readonly number[] =>
  field?.every === true ? Array.from({ length: count }, (_, i) => i) : (field?.numbers ?? []);

const restriction = (field: Allowed | undefined): ReadonlySet<number> | null =>
  field === undefined || field.every ? null : new Set(field.numbers);

/** `W` and `#` hold whatever the other field says; plain days of month and of week are alternatives if both are given. */
function daysOf(days: Allowed, weekdays: Allowed): Pick<CronExpression, 'dayRules' | 'needsEveryRule'> {
  const { nearest } = days;
  const anyDay: DayRule = nearest === null ? () => true : (day) => isNearest(day, nearest);
  const anyWeekday: DayRule = weekdays.nth.size === 0 ? () => true : (day) => isNth(day, weekdays.nth);
  const ofMonth: DayRule = days.every || nearest !== null ? anyDay : (day) => isListed(day, days);
  const ofWeek: DayRule =
    weekdays.every || weekdays.nth.size > 0 ? anyWeekday : ({ weekday }) => weekdays.numbers.includes(weekday);
  const both =
    (one: DayRule, other: DayRule): DayRule =>
    (day) =>
      one(day) && other(day);
  if (days.every || weekdays.every) return { dayRules: [both(ofMonth, ofWeek)], needsEveryRule: false };
  return {
    dayRules: [both(ofMonth, anyWeekday), both(anyDay, ofWeek)],
    needsEveryRule: nearest !== null || weekdays.nth.size > 0,
  };
}

const isListed = ({ day, lastDay }: Day, { numbers, last }: Allowed): boolean =>
  numbers.includes(day) || (last && day === lastDay);

function isNth({ day, weekday, lastDay }: Day, nth: Allowed['nth']): boolean {
  const wanted = nth.get(weekday);
  return wanted !== undefined && (wanted.has(Math.ceil(day / 7)) || (wanted.has('last') && day + 7 > lastDay));
}

/** The working day nearest to a day, within its month; a day that the month has not is its last. */
function isNearest({ day, weekday, lastDay }: Day, wanted: number): boolean {
  const target = Math.min(wanted, lastDay);
  const weekdayOfTarget = (((weekday + target - day) % 7) + 7) % 7;
  if (weekdayOfTarget === 6) return day === (target > 1 ? target - 1 : target + 2);
  if (weekdayOfTarget === 0) return day === (target < lastDay ? target + 1 : target - 2);
  return day === target;
}

const usage = (text: string, why: string): TsrqError =>
  new TsrqError('USAGE', `'${text}' is no cron expression: ${why}`);
