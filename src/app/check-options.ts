import { nearest } from '../config/suggest.js';
import { TsrqError } from '../errors.js';
import { seconds, type EnqueueOptions } from './options.js';
import { shown } from './shown.js';

/** What an option may be. */
interface Rule {
  readonly fits: (value: unknown) => boolean;
  /** In words: `a number from 1`. */
  readonly needs: string;
  /** What it may have inside, where it is an object. */
  readonly members?: Rules;
}
type Rules = ReadonlyMap<string, Rule>;

const rules = (all: Readonly<Record<string, Rule>>): Rules => new Map(Object.entries(all));

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): boolean => typeof value === 'string';
const isNumber = (value: unknown): boolean => typeof value === 'number';
const oneOf = (...words: readonly string[]): Rule => ({
  fits: (value) => words.includes(value as string),
  needs: `${words.slice(0, -1).map(shown).join(', ')} or ${shown(words.at(-1))}`,
});
const has = (...names: readonly string[]) => {
  return (value: unknown): boolean => isObject(value) && names.every((name) => value[name] !== undefined);
};
const listOf = (value: unknown, fits: (item: unknown) => boolean): boolean => Array.isArray(value) && value.every(fits);

function isDuration(value: unknown): boolean {
  if (typeof value !== 'string') return typeof value === 'number';
  try {
    seconds(value as never);
    return true;
  } catch {
    return false;
  }
}

const isReference = (value: unknown): boolean => isText(value) || (isObject(value) && isText(value['id']));
const isParents = (value: unknown): boolean =>
  isReference(value) || listOf(value, isReference) || (isObject(value) && listOf(value['jobs'], isReference));
const isSchema = (value: unknown): boolean => ((value ?? {}) as Record<string, unknown>)['~standard'] !== undefined;

const TEXT: Rule = { fits: isText, needs: 'a text' };
const NUMBER: Rule = { fits: isNumber, needs: 'a number' };
const BOOLEAN: Rule = { fits: (value) => typeof value === 'boolean', needs: 'true or false' };
const DURATION: Rule = { fits: isDuration, needs: "a number of seconds, or a text such as '30s', '5m', '1h' or '2d'" };
const OBJECT: Rule = { fits: isObject, needs: 'an object' };
const CALLBACK: Rule = {
  fits: (value) => isText(value) || has('name', 'timeoutSeconds')(value),
  needs: 'the name of a function, or { name, timeoutSeconds },',
  members: rules({ name: TEXT, timeoutSeconds: NUMBER }),
};
const BACKOFF: Rule = {
  fits: has('initialSeconds'),
  needs: '{ initialSeconds, maxSeconds, jitter }, of which the last two may be left out,',
  members: rules({ initialSeconds: NUMBER, maxSeconds: NUMBER, jitter: NUMBER }),
};
const DURABLE: Rule = {
  fits: has('replicas', 'timeoutMs'),
  needs: '{ replicas, timeoutMs }',
  members: rules({ replicas: NUMBER, timeoutMs: NUMBER }),
};

const COMMON: Readonly<Record<Exclude<keyof EnqueueOptions, 'id' | 'kwargs' | 'dependsOn'>, Rule>> = {
  queue: TEXT,
  description: TEXT,
  timeout: DURATION,
  resultTtl: DURATION,
  failureTtl: DURATION,
  ttl: DURATION,
  meta: OBJECT,
  serializer: oneOf('json', 'pickle'),
  atFront: BOOLEAN,
  group: TEXT,
  rateLimit: {
    fits: has('key', 'concurrency'),
    needs: '{ key, concurrency }',
    members: rules({ key: TEXT, concurrency: NUMBER }),
  },
  onExistingId: oneOf('refuse', 'unique', 'replace'),
  durable: DURABLE,
  retry: {
    fits: (value) => isNumber(value) || has('max')(value),
    needs: 'a number from 1, or { max, intervals or backoff, enqueueAtFront }, of which only max must be there,',
    members: rules({
      max: NUMBER,
      intervals: {
        fits: (value) => isDuration(value) || listOf(value, isDuration),
        needs: "a time such as '10s', or a list of them,",
      },
      backoff: BACKOFF,
      enqueueAtFront: BOOLEAN,
    }),
  },
  repeat: {
    fits: has('times'),
    needs: '{ times, interval }, of which the second may be left out,',
    members: rules({
      times: NUMBER,
      interval: {
        fits: (value) => isNumber(value) || listOf(value, isNumber),
        needs: 'a number of seconds, or a list of them,',
      },
    }),
  },
  onSuccess: CALLBACK,
  onFailure: CALLBACK,
  onStopped: CALLBACK,
  webhooks: {
    fits: (value) => listOf(value, isObject),
    needs: 'a list of { url, jobStatus, method, headers, timeoutSeconds }',
  },
};

const OF_EACH = {
  id: TEXT,
  kwargs: OBJECT,
  dependsOn: {
    fits: isParents,
    needs: 'a job, its id, a list of these, or { jobs, allowFailure }, where jobs is a list,',
  },
} satisfies Readonly<Partial<Record<keyof EnqueueOptions, Rule>>>;

const DEFINED = rules({
  ...COMMON,
  args: { fits: isSchema, needs: 'a schema (Zod, Valibot, ArkType …) of the list of arguments' },
});
const ENQUEUED = rules({ ...COMMON, ...OF_EACH });
const MANY = rules({ durable: DURABLE });
const GROUPED = rules({ durable: DURABLE, group: TEXT });

/** Throws USAGE for what cannot be among the options of `job()`. What is undefined counts as not given, here and below. */
export function checkJobOptions(options: unknown): void {
  check(options, DEFINED);
}

/** Throws USAGE for what cannot be said when a job is enqueued. */
export function checkEnqueueOptions(options: unknown): void {
  check(options, ENQUEUED);
}

/** Throws USAGE for what cannot be said of many jobs, or of a group of them. */
export function checkManyOptions(options: unknown, isGroup: boolean): void {
  check(options, isGroup ? GROUPED : MANY);
}

function check(options: unknown, known: Rules, path = ''): void {
  if (typeof options !== 'object' || options === null) throw wrong('options', options, 'an object');
  for (const name in options) {
    const value = (options as Readonly<Record<string, unknown>>)[name];
    if (value === undefined || !Object.hasOwn(options, name)) continue;
    const rule = known.get(name);
    if (!rule) throw unknown(name, path, known);
    if (!rule.fits(value)) throw wrong(path + name, value, rule.needs);
    if (rule.members && typeof value === 'object') check(value, rule.members, `${path}${name}.`);
  }
}

const wrong = (name: string, value: unknown, needs: string): TsrqError =>
  new TsrqError('USAGE', `the option ${name} is ${shown(value)}: ${needs} is needed`, {
    ...(value === null ? { hint: 'leave it out where nothing is meant' } : {}),
  });

const NONE = 'there is none like it: leave it out';

/** Names of other libraries, of RQ and of the verbs, in small letters without `_`: what is meant. */
const MEANT: Readonly<Record<string, string>> = {
  attempts: 'write retry, which counts only the attempts after the first one: attempts: 4 is retry: 3',
  retries: 'write retry',
  maxretries: 'write retry',
  backoff: "write it in retry: { max: 3, backoff: { initialSeconds: 1 } }, or { max: 3, intervals: ['10s', '1m'] }",
  delay: "enqueue it by enqueueIn('5m', …) or enqueueAt(date, …)",
  scheduleat: 'enqueue it by enqueueAt(date, …)',
  scheduleinseconds: "enqueue it by enqueueIn('5m', …)",
  jobid: 'write id',
  deduplication: "write an id of your own and onExistingId: 'unique'",
  debounce: "write an id of your own and onExistingId: 'unique'",
  unique: "write onExistingId: 'unique'",
  replace: "write onExistingId: 'replace'",
  removeoncomplete: 'write resultTtl, the time for which the result is kept: 0 for not at all',
  removeonfail: 'write failureTtl, the time for which a job that failed is kept',
  lifo: 'write atFront',
  priority: 'there are no numbers within a queue: use several queues, the more urgent ones first, or atFront',
  parent: 'write dependsOn in the options of the job that comes later',
  children: 'write dependsOn in the options of the job that comes later',
  jobtimeout: 'write timeout',
  timeoutseconds: 'write timeout',
  resultttlseconds: 'write resultTtl',
  failurettlseconds: 'write failureTtl',
  ttlseconds: 'write ttl',
  every: 'write { times, interval }; for jobs by the clock there is tsrq cron',
  pattern: 'for jobs by the clock there is tsrq cron',
  cron: 'for jobs by the clock there is tsrq cron',
  limit: 'write times',
  keeplogs: NONE,
  stacktracelimit: NONE,
  sizelimit: NONE,
  timestamp: NONE,
};

function unknown(name: string, path: string, known: Rules): TsrqError {
  const names = [...known.keys()];
  return new TsrqError('USAGE', `there is no option '${path}${name}'`, { hint: hintFor(name, known, names) });
}

function hintFor(name: string, known: Rules, names: readonly string[]): string {
  const plain = name.toLowerCase().replaceAll('_', '');
  if (Object.hasOwn(OF_EACH, name) && known === DEFINED) return `it is said when a job is enqueued: .with({ ${name} })`;
  const meant = Object.hasOwn(MEANT, plain) ? MEANT[plain] : undefined;
  if (meant !== undefined) return meant;
  const near = nearest(plain, names);
  return near === null ? `there are ${names.join(', ')}` : `did you mean ${near}?`;
}
