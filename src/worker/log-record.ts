import type { Ending } from '../queue/finish.js';
import type { WorkerEvent } from './events.js';

export type LogLevel = 'debug' | 'info' | 'warning' | 'error';

/** One thing that happened: a sentence, and its parts for machines. */
export interface LogRecord {
  readonly level: LogLevel;
  readonly event: string;
  readonly message: string;
  readonly fields?: Readonly<Record<string, string | number | boolean | null>>;
  /** Further lines: the whole text of an error. */
  readonly detail?: string;
}

type JobEvent = Extract<WorkerEvent, { type: 'job-started' | 'job-ended' }>;

/** The log line of an event. `showDescription`: false for ids alone (RQ's --disable-job-desc-logging). */
export function logRecord(event: WorkerEvent, showDescription: boolean): LogRecord {
  switch (event.type) {
    case 'ready': {
      const slots = event.concurrency === 1 ? '' : `, ${event.concurrency} jobs at once`;
      const message = `Worker ${event.name}: listening on ${event.queues.join(', ')}${slots} (pid ${event.pid}, ${event.redis})`;
      return info('ready', message, { worker: event.name, pid: event.pid, queues: event.queues.join(',') });
    }
    case 'job-started':
      return info('job-started', `${title(event, showDescription)} started${attempt(event)}`, jobFields(event));
    case 'job-ended':
      return jobEnded(event, showDescription);
    case 'job-lost':
      return warning(
        'job-lost',
        `${event.queue}: job ${event.id} is not ours any more (canceled, deleted or taken over): its run is ended`,
        {
          job: event.id,
          queue: event.queue,
        },
      );
    case 'id-skipped':
      return skipped(event);
    case 'abandoned': {
      const from = event.workerName === '' ? 'a dead worker' : `worker ${event.workerName}, which is dead`;
      const message = `${event.queue}: job ${event.id} was abandoned by ${from}: ${next(event.ending)}`;
      return warning('abandoned', message, { job: event.id, queue: event.queue, outcome: event.ending.state });
    }
    case 'rescued': {
      const what = event.ids.length === 1 ? `job ${event.ids[0]}` : `${event.ids.length} jobs`;
      return warning(
        'rescued',
        `${event.queue}: ${what} taken by a worker that never began: back at the head of the queue`,
      );
    }
    case 'released': {
      const what = event.ids.length === 1 ? `job ${event.ids[0]}` : `${event.ids.length} jobs`;
      return warning('released', `${event.queue}: ${what} deferred although nothing was left to wait for: released`);
    }
    case 'redis-lost':
      return { level: 'error', event: 'redis-lost', message: `${event.message}; trying until it is back` };
    case 'redis-regained':
      return warning('redis-regained', `Redis is back after ${(event.afterMs / 1_000).toFixed(1)} s`);
    case 're-registered':
      return warning('re-registered', 'Redis had lost this worker: it is registered again');
    case 'suspended':
      return info('suspended', 'RQ is suspended: no new jobs until `tsrq resume`');
    case 'queue-paused':
      return info(
        'queue-paused',
        `${event.queue} is paused: no new jobs from it until \`tsrq queue resume ${event.queue}\``,
      );
    case 'queue-resumed':
      return info('queue-resumed', `Taking jobs from ${event.queue} again`);
    case 'resumed':
      return info('resumed', 'Taking jobs again');
    case 'quiet':
      return info('quiet', 'Quiet: no new jobs until SIGCONT or `tsrq workers resume`');
    case 'scaled':
      return info('scaled', `Scaled: ${event.concurrency} ${event.concurrency === 1 ? 'job' : 'jobs'} at once`);
    case 'reloaded':
      return info(
        'reloaded',
        `Reloaded${event.because === null ? '' : ` (${event.because})`}: new jobs run fresh code`,
      );
    case 'stopping':
      return info(
        'stopping',
        `Stopping (${event.because})${event.running > 0 ? `: waiting for ${jobs(event.running)}` : ''}`,
      );
    case 'cold':
      return warning('cold', `Stopping at once (${event.because}): ${jobs(event.running)} interrupted`);
    case 'command':
      return info('command', `Command: ${event.text}`);
    case 'warning':
      return warning('warning', event.message);
  }
}

/** The same of one of several Redis servers, which is named; null: of the only one, or of all. */
export function placed(record: LogRecord, place: string | null): LogRecord {
  if (place === null) return record;
  return { ...record, message: `[${place}] ${record.message}`, fields: { ...record.fields, connection: place } };
}

function jobEnded(event: Extract<WorkerEvent, { type: 'job-ended' }>, showDescription: boolean): LogRecord {
  const { ending, seconds, summary, error } = event;
  const fields = { ...jobFields(event), seconds: Number(seconds.toFixed(6)), outcome: ending.state };
  const head = `${title(event, showDescription)} ${verb(ending)} in ${duration(seconds)}${attempt(event)}`;
  const why = summary === null ? '' : `: ${summary}`;
  const detail = error === null ? {} : { detail: error };
  switch (ending.state) {
    case 'finished':
      return info('job-finished', `${head}${why}; ${kept(event.resultTtlSeconds)}${repeated(ending)}`, fields);
    case 'failed':
      return { level: 'error', event: 'job-failed', message: `${head}${why}; ${next(ending)}`, fields, ...detail };
    case 'stopped':
      return { ...warning('job-stopped', `${head}${why}; ${next(ending)}`, fields), ...detail };
    case 'retried':
      return { ...warning('job-retried', `${head}${why}; ${next(ending)}`, fields), ...detail };
    case 'returned':
      return info('job-returned', `${head}; ${next(ending)}`, fields);
    case 'repeated':
      return {
        level: 'debug',
        event: 'job-recorded',
        message: `${title(event, showDescription)}: recorded before`,
        fields,
      };
    case 'lost': {
      const now = ending.status === '' ? 'the job is gone' : `the job is ${ending.status}`;
      return warning('job-lost', `${head}, but ${now}: nothing was recorded`, fields);
    }
  }
}

function verb(ending: Ending): string {
  if (ending.state === 'finished' || ending.state === 'stopped') return ending.state;
  return ending.state === 'failed' || ending.state === 'retried' ? 'failed' : 'ended';
}

function next(ending: Ending): string {
  switch (ending.state) {
    case 'retried': {
      const when = ending.inSeconds > 0 ? `again in ${ending.inSeconds} s` : 'again at once';
      return `${when}, ${ending.retriesLeft} ${ending.retriesLeft === 1 ? 'retry' : 'retries'} left`;
    }
    case 'returned':
      return 'back at the head of its queue';
    default:
      return 'moved to the failed registry';
  }
}

function repeated({ repeat }: Extract<Ending, { state: 'finished' }>): string {
  if (!repeat) return '';
  const when = repeat.inSeconds > 0 ? `in ${repeat.inSeconds} s` : 'at once';
  return `; repeated ${when}, ${repeat.repeatsLeft} more after that`;
}

function skipped({ id, queue, reason }: Extract<WorkerEvent, { type: 'id-skipped' }>): LogRecord {
  const fields = { job: id, queue };
  if (reason.startsWith('blocked: '))
    return warning('blocked', `${queue}: ${reason.slice(9)}: no job can be taken`, fields);
  if (reason.startsWith('refused: ')) {
    const message = `${queue}: job ${id} was set aside in the failed registry: ${reason.slice(9)}`;
    return { level: 'error', event: 'refused', message, fields };
  }
  const why =
    reason === 'gone' ? 'its job does not exist any more' : reason === 'running' ? 'it is running' : `it is ${reason}`;
  return {
    level: reason === 'gone' ? 'debug' : 'info',
    event: 'skipped',
    message: `${queue}: job ${id} was skipped: ${why}`,
    fields,
  };
}

function title({ queue, id, description }: JobEvent, showDescription: boolean): string {
  return showDescription && description !== null ? `${queue}: ${oneLine(description)} (${id})` : `${queue}: ${id}`;
}

function oneLine(text: string): string {
  const line = text.replace(/[\x00-\x1f\x7f]+/g, ' ');
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

const attempt = ({ attempt: number }: JobEvent): string => (number > 1 ? `, attempt ${number}` : '');
const jobFields = ({ id, queue, attempt: number }: JobEvent) => ({ job: id, queue, attempt: number });
const jobs = (count: number): string => `${count} running ${count === 1 ? 'job' : 'jobs'}`;
const duration = (seconds: number): string => (seconds < 10 ? `${seconds.toFixed(3)} s` : `${seconds.toFixed(1)} s`);

function kept(seconds: number): string {
  if (seconds === 0) return 'result not kept';
  return seconds < 0 ? 'result kept for ever' : `result kept for ${seconds} s`;
}

function info(event: string, message: string, fields?: LogRecord['fields']): LogRecord {
  return { level: 'info', event, message, ...(fields ? { fields } : {}) };
}

function warning(event: string, message: string, fields?: LogRecord['fields']): LogRecord {
  return { level: 'warning', event, message, ...(fields ? { fields } : {}) };
}
