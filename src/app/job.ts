import { HANDLER, registerJob, type Handler } from '../jobs/define.js';
import { DEFINITION, wrongArguments, type JobOptions } from './definition.js';
import type { Enqueuer, JobFunction } from './job-function.js';
import { checkOptionNames, type EnqueueOptions } from './options.js';
import { Queue } from './queue.js';
import { validate } from './standard-schema.js';

/**
 * Makes a job of a function, under a name that stays the same for as long as such jobs are in Redis. A worker finds it if a
 * module listed in `--jobs` calls this, itself or through its imports. Throws USAGE without a name or a function.
 */
export function job<Args extends unknown[], Result>(
  name: string,
  run: (...args: Args) => Result,
): JobFunction<Args, Result>;
export function job<Args extends unknown[], Result>(
  name: string,
  options: JobOptions<NoInfer<Args>>,
  run: (...args: Args) => Result,
): JobFunction<Args, Result>;
export function job<Args extends unknown[], Result>(
  name: string,
  ...rest: readonly unknown[]
): JobFunction<Args, Result> {
  const [options, run] = (rest.length > 1 ? rest : [{}, rest[0]]) as [AnyOptions, (...args: Args) => Result];
  const { args: _, ...own } = options;
  checkOptionNames(own);
  const isChecked = options.args !== undefined && typeof run === 'function';
  const handler = isChecked ? checked(name, options.args, run as (...args: unknown[]) => unknown) : run;
  registerJob(name, handler as Handler);
  const made = Object.assign((...args: Args): Result => run(...args), {
    ...enqueuer<Args, Result>(() => made, {}, options.queue),
    jobName: name,
    [DEFINITION]: { name, options },
    [HANDLER]: handler,
  }) as JobFunction<Args, Result>;
  return made;
}

type AnyOptions = JobOptions<readonly unknown[]>;

/** `made`: when it is called there is one. */
function enqueuer<Args extends unknown[], Result>(
  made: () => JobFunction<Args, Result>,
  options: EnqueueOptions,
  queue = 'default',
): Enqueuer<Args, Result> {
  const to = (): Queue => new Queue(options.queue ?? queue);
  return {
    enqueue: (...args) => to().enqueue(made(), args, options),
    enqueueIn: (delay, ...args) => to().enqueueIn(delay, made(), args, options),
    enqueueAt: (at, ...args) => to().enqueueAt(at, made(), args, options),
    with: (more) => enqueuer(made, { ...options, ...more }, queue),
  };
}

/** What a worker runs: the queue outlives programs, and what was right when it was enqueued may not be any more. */
function checked(name: string, schema: NonNullable<AnyOptions['args']>, run: (...args: unknown[]) => unknown) {
  return async (...args: unknown[]): Promise<unknown> => {
    const outcome = await validate(schema, args);
    if ('problems' in outcome) throw new TypeError(wrongArguments(name, outcome.problems));
    return run(...outcome.value);
  };
}
