import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseExpression } from '../../src/cron/expression.js';
import { nextTime } from '../../src/cron/next-time.js';
import { zoneOf } from '../../src/cron/zone.js';
import { rqEnvironment, startRq, type Rq } from '../support/python.js';

interface Case {
  readonly text: string;
  readonly zone: string;
  /** Seconds since the epoch. */
  readonly after: number;
}

/** How many of the next times are compared. */
const COUNT = 6;

/** `bad`: it is no expression; a list that is too short ends where there is no next time. */
type Answer = 'bad' | readonly number[];

const ASK = `
import json
from datetime import datetime
from zoneinfo import ZoneInfo
from croniter import croniter, CroniterBadCronError, CroniterBadDateError

def answer(case):
    try:
        times = croniter(case['text'], datetime.fromtimestamp(case['after'], ZoneInfo(case['zone'])))
    except (CroniterBadCronError, ValueError):
        return 'bad'
    found = []
    try:
        for _ in range(${COUNT}):
            found.append(times.get_next(float))
    except CroniterBadDateError:
        pass
    return found

result = [answer(case) for case in json.loads(cases)]
`;

function ours({ text, zone, after }: Case): Answer {
  let expression;
  try {
    expression = parseExpression(text);
  } catch {
    return 'bad';
  }
  const found: number[] = [];
  for (let time: number | null = after * 1_000; found.length < COUNT; found.push(time / 1_000)) {
    time = nextTime(expression, zoneOf(zone), time);
    if (time === null) break;
  }
  return found;
}

const environment = await rqEnvironment('2.10.0');

describe.skipIf(environment === null)('the times of cron expressions are those of croniter', () => {
  let rq: Rq;
  beforeAll(() => {
    if (environment) rq = startRq(environment, 'redis://127.0.0.1:1');
  });
  afterAll(async () => {
    await rq.stop();
  });

  const compare = async (cases: readonly Case[]): Promise<number> => {
    const theirs = (await rq.eval(`cases = ${JSON.stringify(JSON.stringify(cases))}\n${ASK}`)) as Answer[];
    const differing = cases
      .map((one, i) => ({ ...one, croniter: theirs[i], tsrq: ours(one) }))
      .filter(({ croniter, tsrq }) => JSON.stringify(croniter) !== JSON.stringify(tsrq));
    expect(differing.slice(0, 5)).toEqual([]);
    return theirs.filter((answer) => answer !== 'bad' && answer.length > 0).length;
  };

  it('for every form there is', async () => {
    const cases = FORMS.map((text) => ({ text, zone: 'UTC', after: 1_767_225_600 }));
    expect(await compare(cases)).toBeGreaterThan(FORMS.length / 2);
  });

  it('for what is no expression', async () => {
    const cases = BAD.map((text) => ({ text, zone: 'UTC', after: 1_767_225_600 }));
    expect(await compare(cases)).toBe(0);
  });

  it('for random expressions, in UTC as RQ has them', async () => {
    const cases = fc.sample(fc.record({ text: expression, zone: fc.constant('UTC'), after }), {
      seed: SEED,
      numRuns: 2_000,
    });
    expect(await compare(cases)).toBeGreaterThan(1_000);
  });

  it('for random expressions in zones whose clocks change, around the change', async () => {
    const around = fc.record({
      text: expression,
      change: fc.constantFrom(...ORDINARY),
      hours: fc.integer({ min: -72, max: 6 }),
    });
    const cases = fc
      .sample(around, { seed: SEED, numRuns: 2_000 })
      .map(({ text, change: [zone, at], hours }) => ({ text, zone, after: at + hours * 3_600 }));
    expect(await compare(cases)).toBeGreaterThan(1_000);
  });

  it('for what runs at the very time of a change', async () => {
    const cases = CHANGES.flatMap(([zone, at]) =>
      [
        '30 2 * * *',
        '0 2 * * *',
        '15 1 * * *',
        '*/20 * * * *',
        '0 */2 * * *',
        '59 23 * * *',
        '10 0 * * 0',
        '30 1-3 * * *',
        '0 3 * * * */20',
      ].flatMap((text) => [-30, -3, -1, 0, 1].map((hours) => ({ text, zone, after: at + hours * 3_600 + 7 }))),
    );
    expect(await compare(cases)).toBe(cases.length);
  });
});

const SEED = Number(process.env['TSRQ_TEST_SEED'] ?? 20_261_121);

/** Zones, and moments at which clocks change there. */
const CHANGES: readonly (readonly [zone: string, at: number])[] = (
  [
    ['Europe/Berlin', '2026-03-29T01:00Z', '2026-10-25T01:00Z'],
    ['America/New_York', '2026-03-08T07:00Z', '2026-11-01T06:00Z'],
    ['America/St_Johns', '2026-03-08T05:30Z', '2026-11-01T04:30Z'],
    ['Australia/Lord_Howe', '2026-04-04T15:00Z', '2026-10-03T15:30Z'],
    ['Europe/Dublin', '2026-03-29T01:00Z', '2026-10-25T01:00Z'],
    ['America/Sao_Paulo', '2018-02-18T02:00Z', '2018-11-04T03:00Z'],
    ['America/Havana', '2026-03-08T05:00Z', '2026-11-01T05:00Z'],
    ['Pacific/Apia', '2011-12-30T10:00Z', '2012-03-31T14:00Z'],
    ['Asia/Kolkata', '2026-03-29T01:00Z'],
  ] as const
).flatMap(([zone, ...dates]) => dates.map((date) => [zone, Date.parse(date) / 1_000] as const));
/** Looking for the end of a gap of a day takes croniter minutes. */
const ORDINARY = CHANGES.filter(([zone]) => zone !== 'Pacific/Apia');

const after = fc.integer({ min: Date.UTC(1990, 0) / 1_000, max: Date.UTC(2037, 0) / 1_000 });

interface FieldForm {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
  readonly special?: fc.Arbitrary<string>;
}

const number = (least: number, most: number): fc.Arbitrary<string> => fc.integer({ min: least, max: most }).map(String);
const weekday = fc.oneof(number(0, 7), fc.constantFrom('sun', 'MON', 'tue', 'wed', 'Thu', 'fri', 'sat'));
const FIELDS: readonly FieldForm[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  {
    min: 1,
    max: 31,
    special: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom('l', 'L', '?', '15-l', '29', '30', '31') },
      { weight: 1, arbitrary: number(1, 32).map((day) => `${day}w`) },
    ),
  },
  { min: 1, max: 12, names: ['jan', 'FEB', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] },
  {
    min: 0,
    max: 7,
    names: ['sun', 'MON', 'tue', 'wed', 'Thu', 'fri', 'sat'],
    special: fc.oneof(
      fc.tuple(weekday, number(1, 5)).map(([day, nth]) => `${day}#${nth}`),
      weekday.map((day) => `l${day}`),
      fc.constantFrom('?', 'mon-fri#1', 'sat-sun#5', 'l', '1-5#2'),
    ),
  },
  { min: 0, max: 59 },
  { min: 1970, max: 2099 },
];

function item({ min, max, names = [], special }: FieldForm): fc.Arbitrary<string> {
  const value = fc.oneof(
    { weight: 8, arbitrary: number(min, max) },
    ...(names.length === 0 ? [] : [{ weight: 6, arbitrary: fc.constantFrom(...names) }]),
    { weight: 1, arbitrary: number(0, max + 1) },
  );
  const step = number(0, Math.min(40, max - min + 3));
  return fc.oneof(
    { weight: 6, arbitrary: value },
    { weight: 3, arbitrary: fc.tuple(value, value).map(([low, high]) => `${low}-${high}`) },
    { weight: 2, arbitrary: fc.tuple(value, value, step).map(([low, high, every]) => `${low}-${high}/${every}`) },
    { weight: 2, arbitrary: step.map((every) => `*/${every}`) },
    { weight: 1, arbitrary: fc.tuple(value, step).map(([low, every]) => `${low}/${every}`) },
    ...(special ? [{ weight: 4, arbitrary: special }] : []),
  );
}

const field = (form: FieldForm): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constant('*') },
    { weight: 4, arbitrary: item(form) },
    { weight: 1, arbitrary: fc.array(item(form), { minLength: 2, maxLength: 4 }).map((items) => items.join(',')) },
  );

const expression = fc
  .tuple(fc.tuple(...FIELDS.map(field)), fc.constantFrom(5, 5, 5, 6, 6, 7))
  .map(([words, length]) => words.slice(0, length).join(' '));

const FORMS = [
  ...['@midnight', '@hourly', '@daily', '@weekly', '@monthly', '@yearly', '@annually', '@Daily'],
  ...['* * * * *', '  */15\t* * * *  ', '0 0 * * 7', '0 0 * * sun', '5-5 * * * *', '59/15 * * * *', '50/5 * * * *'],
  ...[
    '0 0 l * *',
    '0 0 L * *',
    '0 0 28,l * *',
    '0 0 15-l * *',
    '0 0 1 * mon',
    '0 0 */2 * mon',
    '0 0 1-31 * mon',
    '0 0 * * 0-6',
  ],
  ...[
    '0 0 1 * 0-6',
    '0 0 1-31 * */2',
    '0 0 * * 2#3',
    '0 0 * * mon#1,fri#l',
    '0 0 * * l5',
    '0 0 * * mon-fri#2',
    '0 0 1 * mon#1',
  ],
  ...[
    '0 0 15w * *',
    '0 0 w1 * *',
    '0 0 31w * *',
    '0 0 15w * fri',
    '0 0 ? * mon',
    '0 0 1 * ?',
    '0 0 * nov-feb *',
    '0 0 * nov-feb/2 *',
  ],
  ...[
    '0 0 * * fri-mon',
    '0 0 * * fri-mon/2',
    '0 0 * * 5-7',
    '0 0 29 2 *',
    '0 0 31 2 *',
    '0 0 31 2 mon',
    '0 0 31 2 mon#1',
  ],
  ...[
    '* * * * * */10',
    '0 0 * * * 30',
    '1-10/3 * * * * 5',
    '0 0 1 1 * 0 2030',
    '0 0 1 1 * 0 2000',
    '0 0 1 1 * 0 2028-2040/4',
  ],
  ...['*,5 * * * *', '0-59 0-23 1-31 1-12 0-6', '0 0 1-30,l * *', '0 0 2-31,l * *', '0 0 * * 1#1,0-6', '0 0 * * *,1#1'],
];

const BAD = [
  ...[
    '',
    '*',
    '* * * *',
    '* * * * * * * *',
    '@reboot',
    '@every 5m',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * 32 * *',
  ],
  ...[
    '* * * 0 *',
    '* * * 13 *',
    '* * * * 8',
    '-1 * * * *',
    '1- * * * *',
    '1,,2 * * * *',
    '*/0 * * * *',
    '*/ * * * *',
    '1/2/3 * * * *',
  ],
  ...[
    'a * * * *',
    '* * * foo *',
    '* * * mon *',
    '* * * * jan',
    '* * * * 1#0',
    '* * * * 1#6',
    '* * * * l',
    '* * * * 1-5#2',
    '* * * * 1,2#1',
  ],
  ...[
    '* * 15w,16 * *',
    '* * 0w * *',
    '* * 32w * *',
    '? * * * *',
    '* * 1,? * *',
    'h * * * *',
    '* * l-5 * *',
    '* * * * *,1,2#1',
    '* * * * * 60',
  ],
  ...[
    '* * * * * * 1969',
    '1.5 * * * *',
    '0x5 * * * *',
    '1\u00a0* * * *',
    '*-5 * * * *',
    '5-* * * * *',
    '**/2 * * * *',
    '* * 1#1 * *',
    '* * * * #1',
  ],
];
