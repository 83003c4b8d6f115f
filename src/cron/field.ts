/** What one field of a cron expression allows. */
export interface Allowed {
  /** `*`, or all that there is. */
  readonly every: boolean;
  /** Ascending; without meaning where `every` is set. */
  readonly numbers: readonly number[];
  /** The last day of the month. */
  readonly last: boolean;
  /** Weekday → which of the month: 1 to 5, or 'last'. */
  readonly nth: ReadonlyMap<number, ReadonlySet<number | 'last'>>;
  /** The working day nearest to that day of the month. */
  readonly nearest: number | null;
}

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** The names of `first` and the numbers after it. */
  readonly names?: readonly string[];
  readonly first?: number;
}

export const DAY = 2;
export const WEEKDAY = 4;

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** In croniter's order: seconds come last but for years. */
const FIELDS: readonly Field[] = [
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, names: MONTHS, first: 1 },
  { name: 'day of week', min: 0, max: 6, names: WEEKDAYS, first: 0 },
  { name: 'second', min: 0, max: 59 },
  { name: 'year', min: 1970, max: 2099 },
];

/** What is wrong with a field. */
export class FieldError extends Error {
  override readonly name = 'FieldError';
}

/** Reads the field at `index` of the lower-case fields of an expression. Throws FieldError. */
export function parseField(words: readonly string[], index: number): Allowed {
  const reader = new FieldReader(index);
  const word = words[index] ?? '';
  if (word === '?' && reader.isOfDays) reader.star = true;
  else for (const item of word.split(',')) reader.read(item, word === item);
  return reader.allowed(words);
}

class FieldReader {
  star = false;
  readonly #field: Field;
  readonly #index: number;
  readonly #numbers = new Set<number>();
  readonly #nth = new Map<number, Set<number | 'last'>>();
  #last = false;
  #nearest: number | null = null;

  constructor(index: number) {
    this.#index = index;
    this.#field = FIELDS[index] as Field;
  }

  get isOfDays(): boolean {
    return this.#index === DAY || this.#index === WEEKDAY;
  }

  /** `alone`: it is all the field says. */
  read(item: string, alone: boolean): void {
    if (item === '*') this.star = true;
    else if (this.#index === DAY && item === 'l') this.#last = true;
    else if (this.#index === DAY && /^(\d+w|w\d+)$/.test(item)) this.#readNearest(item, alone);
    else if (this.#index === WEEKDAY && /^((\w+|[a-z]{3}-[a-z]{3})#|l)\d+$/.test(item)) this.#readNth(item);
    else for (const value of this.#valuesOf(item)) this.#numbers.add(value);
  }

  allowed(words: readonly string[]): Allowed {
    const numbers = [...this.#numbers].sort((a, b) => a - b);
    const literal = numbers.filter((value) => !this.#nth.has(value));
    // Weekdays beside "the second Tuesday" would be read as "and": croniter refuses them.
    if (this.#nth.size > 0 && literal.length > 0 && numbers.length + (this.star ? 1 : 0) !== 7) {
      throw this.#wrong(words[this.#index] ?? '', 'weekdays and weekdays with # cannot be mixed');
    }
    return {
      every: this.star || this.#coversAll(words),
      numbers,
      last: this.#last,
      nth: this.#nth,
      nearest: this.#nearest,
    };
  }

  /** All values there are count as `*`. Of the two fields of days only where the other one has a `*`: else either is enough. */
  #coversAll(words: readonly string[]): boolean {
    const { min, max } = this.#field;
    if (this.#numbers.size + (this.#last ? 1 : 0) !== max - min + 1) return false;
    return !this.isOfDays || (words[this.#index === DAY ? WEEKDAY : DAY] ?? '').includes('*');
  }

  #readNearest(item: string, alone: boolean): void {
    const day = Number(item.replace('w', ''));
    if (day < 1 || day > 31) throw this.#outOfRange(item);
    if (!alone) throw this.#wrong(item, 'W stands alone, with one day');
    this.#nearest = day;
    this.#numbers.add(day);
  }

  /** `2#3`, `mon-fri#1`: the nth of the month; `l5`: the last Friday. */
  #readNth(item: string): void {
    const [days, text] = item.startsWith('l') && !item.includes('#') ? [item.slice(1), 'last'] : item.split('#');
    const nth = text === 'last' ? text : Number(text);
    if (nth !== 'last' && !(nth >= 1 && nth <= 5)) throw this.#wrong(item, 'a number from 1 to 5 is needed after #');
    for (const day of this.#valuesOf(days ?? '')) {
      this.#numbers.add(day);
      this.#nth.set(day, (this.#nth.get(day) ?? new Set()).add(nth));
    }
  }

  /** Of `5`, `mon`, `1-5`, `1-10/2`, `5/10` and the like. */
  #valuesOf(item: string): number[] {
    if (/^[hr](\(.*\))?(\/\d+)?$/.test(item))
      throw this.#wrong(item, 'hashed and random values (H, R) are not supported');
    const { min, max } = this.#field;
    const [, low = '', high, stepText = '1'] = /^([^-/]+)(?:-([^-/]+))?(?:\/(\d+))?$/.exec(item) ?? [];
    const step = Number(stepText);
    if (low === '') throw this.#wrong(item, 'that cannot be read');
    if (step === 0) throw this.#wrong(item, 'the step is 0');
    const hasStep = item.includes('/');
    if (low === '*') {
      if (!hasStep || high !== undefined) throw this.#wrong(item, 'that cannot be read');
      return steps(min, max, step);
    }
    const from = this.#number(low, item);
    if (high === undefined) {
      if (from < min) throw this.#outOfRange(item);
      return steps(from, hasStep ? max : from, step);
    }
    const to = this.#index === DAY && high === 'l' ? 31 : this.#number(high, item);
    // The same on both sides is all there is: croniter reads Jan-Jan as the whole year.
    if (from === to) return steps(min, max, step);
    if (from < min) throw this.#outOfRange(item);
    return from < to ? steps(from, to, step) : this.#wrapped(from, to, step);
  }

  /** `nov-feb`, `fri-mon/2`: over the end of the field, as croniter steps over it. */
  #wrapped(from: number, to: number, step: number): number[] {
    const { min, max } = this.#field;
    const first = steps(from, max, step);
    const unused = max - (first.at(-1) ?? max);
    const skip = step - unused > 1 ? step - unused : 0;
    return [...first, ...steps(min + skip, to, step)];
  }

  /** Not above the field's range; what is below it is no end of the range of an item. */
  #number(text: string, item: string): number {
    const { names = [], first = 0, max } = this.#field;
    const named = names.indexOf(text);
    if (named < 0 && !/^\d+$/.test(text)) {
      const known = names.length > 0 ? `; names are ${names.join(', ')}` : '';
      throw this.#wrong(item, `'${text}' is no ${this.#field.name}${known}`);
    }
    const number = named >= 0 ? named + first : Number(text);
    const value = this.#index === WEEKDAY && number === 7 ? 0 : number;
    if (value > max) throw this.#outOfRange(item);
    return value;
  }

  #outOfRange(item: string): FieldError {
    const { min, max } = this.#field;
    return this.#wrong(
      item,
      `the ${this.#field.name} goes from ${min} to ${max}${this.#index === WEEKDAY ? ' (7 is 0)' : ''}`,
    );
  }

  #wrong(item: string, why: string): FieldError {
    return new FieldError(`${this.#field.name} '${item}': ${why}`);
  }
}

function steps(from: number, to: number, step: number): number[] {
  const values: number[] = [];
  for (let value = from; value <= to; value += step) values.push(value);
  return values;
}
