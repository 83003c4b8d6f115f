/**
 * The closed list of what can go wrong in tsrq itself. What a job does wrong is an outcome, not one of these.
 * `cli/main.ts` maps each code to an exit code.
 */
export type ErrorCode =
  | 'USAGE' // a flag, an argument or a value passed by the caller is wrong
  | 'CONFIG' // the merged configuration is wrong; the message lists every problem
  | 'REDIS_UNREACHABLE' // no connection, or no answer within the deadline
  | 'REDIS_REFUSED' // Redis answered, and refuses us: wrong password, no permission, wrong db
  | 'BAD_DATA' // a key holds what RQ would not have written there
  | 'SUSPENDED' // `rq:suspended` is set
  | 'NAME_TAKEN' // a live worker has this name
  | 'NOT_REPLICATED' // stored, but not on as many replicas as were asked for
  | 'JOB_EXISTS' // the job id is in use
  | 'TIMED_OUT' // a job has not ended within the time it was waited for
  | 'NO_PROCESS' // no process that runs jobs can be started
  | 'CLOSED'; // used after close()

/** What goes with an error. */
export interface TsrqErrorOptions {
  readonly hint?: string;
  readonly cause?: unknown;
}

/** An error of tsrq: `message` says what happened with the value seen, `hint` the next step. */
export class TsrqError extends Error {
  override readonly name = 'TsrqError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: TsrqErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}
