import type { WorkerEvent } from '../worker/events.js';
import { logRecord } from '../worker/log-record.js';

/** A structured logger: one of Pino (Fastify's `app.log`) or Bunyan as it is, or four functions of your own. */
export interface Logger {
  /** What is of interest to who looks for a fault. */
  debug(fields: LogFields, message: string): void;
  /** What happens in the ordinary course. */
  info(fields: LogFields, message: string): void;
  /** What an operator should know. */
  warn(fields: LogFields, message: string): void;
  /** A job that failed for good, a Redis that is away. */
  error(fields: LogFields, message: string): void;
}

/** `event`, and with most of them `job`, `queue`, `attempt`, `seconds`, `outcome`, `worker`; `detail`: the whole text of an error. */
export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

/** Logs what a worker tells, in the words of `tsrq worker`. */
export function logEvent(logger: Logger, event: WorkerEvent, showDescription: boolean): void {
  const { level, event: name, message, fields, detail } = logRecord(event, showDescription);
  const all = { event: name, ...fields, ...(detail === undefined ? {} : { detail }) };
  logger[level === 'warning' ? 'warn' : level](all, message);
}
