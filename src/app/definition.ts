import { TsrqError } from '../errors.js';
import type { NewJob } from '../queue/enqueue.js';
import { checkEnqueueOptions } from './check-options.js';
import { jobFields, schedule, type EnqueueOptions, type JobFields, type When } from './options.js';
import { shown } from './shown.js';
import { validate, type StandardSchemaV1 } from './standard-schema.js';

/** Under this a function made by `job()` carries what it was defined with. */
export const DEFINITION = Symbol.for('tsrq.definition');

/**
 * How the jobs of a function are enqueued unless it is said otherwise, and what their arguments are.
 *
 * @typeParam Args - the arguments, where a schema checks them; without one such options are good for any function
 */
export interface JobOptions<Args = never> extends Omit<EnqueueOptions, 'id' | 'kwargs' | 'dependsOn'> {
  /**
   * Checks the list of arguments, as the function gets it (keyword arguments are an object at its end), when the job is enqueued and
   * again when it is run; any Standard Schema library.
   */
  readonly args?: StandardSchemaV1<Args>;
}

export interface Definition {
  readonly name: string;
  /** What checks the arguments. */
  readonly args: StandardSchemaV1 | undefined;
  /** What the options say, checked once for all; null for nothing. */
  readonly fields: JobFields | null;
}

/** What `job()` has made of a function, or of one that is passed on. */
export interface Defined {
  readonly [DEFINITION]: Definition;
}

/** What is to be done, by whom it is known: a function made by `job()`, or the name of one elsewhere. Throws USAGE. */
export function definitionOf(what: unknown): Definition {
  if (typeof what === 'string') return { name: what, args: undefined, fields: null };
  const found = typeof what === 'function' ? (what as Partial<Defined>)[DEFINITION] : undefined;
  if (found) return found;
  const seen = typeof what === 'function' ? `the function '${what.name || 'without a name'}'` : shown(what);
  throw new TsrqError('USAGE', `${seen} has no name by which a worker could find it`, {
    hint: "define it with job('app.sendMail', sendMail), or enqueue it by the name it has there: queue.enqueue('app.sendMail', [args])",
  });
}

/** The job as the verb `enqueue` takes it, its options and arguments checked. Throws USAGE. */
export async function newJob(
  { name, args: schema, fields }: Definition,
  args: unknown,
  queue: string,
  options: EnqueueOptions | null | undefined,
  when: When,
): Promise<NewJob> {
  if (!Array.isArray(args)) {
    throw new TsrqError('USAGE', `the arguments of ${name} are no list`, {
      hint: `write enqueue('${name}', [first, second], options)`,
    });
  }
  if (options != null) checkFor(queue, options);
  if (schema) {
    const kwargs = options?.kwargs ?? {};
    const checked = await validate(schema, Object.keys(kwargs).length === 0 ? args : [...(args as unknown[]), kwargs]);
    if ('problems' in checked) throw new TsrqError('USAGE', wrongArguments(name, checked.problems));
  }
  const own = { functionName: name, args: args as unknown[], queue };
  return { ...fields, ...jobFields(options), ...(when && schedule(when)), ...own };
}

function checkFor(queue: string, options: EnqueueOptions): void {
  checkEnqueueOptions(options);
  if (options.queue === undefined || options.queue === queue) return;
  throw new TsrqError('USAGE', `the option queue is '${options.queue}', and the job is put on '${queue}'`, {
    hint: `write new Queue('${options.queue}').enqueue(…)`,
  });
}

export const wrongArguments = (name: string, problems: readonly string[]): string =>
  `the arguments of ${name} are not as its schema wants them: ${problems.join('; ')}`;
