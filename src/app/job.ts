import { HANDLER, registerJob, type Handler } from '../jobs/define.js';
import { checkJobOptions } from './check-options.js';
import { DEFINITION, wrongArguments, type Definition, type JobOptions } from './definition.js';
import type { Enqueuer, JobFunction } from './job-function.js';
import { jobFields, merged, type EnqueueOptions } from './options.js';
import { Queue } from './queue.js';
import { validate, type StandardSchemaV1 } from './standard-schema.js';

/**
 * Makes a job of a function, under a name that stays the same for as long as such jobs are in Redis. A worker finds it if a
 * module listed in `--jobs` calls this, itself or through its imports. Throws USAGE without a name or a function, and for options
 * that there are not or that cannot be.
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
  const [options = {}, run] = (rest.length > 1 ? rest : [{}, rest[0]]) as [
    JobOptions | undefined,
    (...args: Args) => Result,
  ];
  // What is wrong with these is told first.
  if (typeof run !== 'function') registerJob(name, run);
  checkJobOptions(options);
  const { args: schema, ...own } = options;
  const handler = schema ? checked(name, schema, run as (...args: unknown[]) => unknown) : run;
  registerJob(name, handler as Handler);
  const made = Object.assign((...args: Args): Result => run(...args), {
    ...enqueuer<Args, Result>(() => made, undefined, own.queue),
    jobName: name,
    [DEFINITION]: { name, args: schema, fields: jobFields(own) } satisfies Definition,
    [HANDLER]: handler,
  }) as JobFunction<Args, Result>;
  return made;
}

/** `made`: when it is called there is one. */
function enqueuer<Args extends unknown[], Result>(
  made: () => JobFunction<Args, Result>,
  options: EnqueueOptions | undefined,
  queue = 'default',
): Enqueuer<Args, Result> {
  const to = (): Queue => new Queue(options?.queue ?? queue);
  return {
    enqueue: (...args) => to().enqueue(made(), args, options),
    enqueueIn: (delay, ...args) => to().enqueueIn(delay, made(), args, options),
    enqueueAt: (at, ...args) => to().enqueueAt(at, made(), args, options),
    with: (more) => enqueuer(made, merged(options ?? {}, more), queue),
  };
}

/** What a worker runs: the queue outlives programs, and what was right when it was enqueued may not be any more. */
function checked(name: string, schema: StandardSchemaV1<unknown[]>, run: (...args: unknown[]) => unknown) {
  return async (...args: unknown[]): Promise<unknown> => {
    const outcome = await validate(schema, args);
    if ('problems' in outcome) throw new TypeError(wrongArguments(name, outcome.problems));
    return run(...outcome.value);
  };
}
