import type { CronEntry } from '../../cron/entry.js';
import { occurrenceAfter, type Schedule } from '../../cron/occurrences.js';
import type { CronEvent } from '../../cron/scheduler.js';
import type { LogRecord } from '../../worker/log-record.js';

/** An entry and when it runs next: seconds since the epoch. */
interface Plan {
  readonly entry: CronEntry;
  readonly times: readonly number[];
}

/** The next `count` runs of each entry after a moment; an interval is taken to begin then. */
export function plan(entries: readonly CronEntry[], count: number, now: number): Plan[] {
  return entries.map((entry) => {
    const { schedule } = entry;
    const times: number[] = [];
    let at: number | null = schedule.kind === 'interval' ? now - schedule.seconds : now;
    while (times.length < count) {
      at = occurrenceAfter(schedule, at);
      if (at === null) break;
      times.push(at);
    }
    return { entry, times };
  });
}

/** For people: an entry, and a line for each run, in UTC and by the clocks of its zone. */
export function renderPlan(plans: readonly Plan[]): string {
  return plans
    .map(({ entry, times }) => {
      const { schedule } = entry;
      const runs = times.map((time) => `  ${iso(time)}${local(time, schedule)}\n`);
      return `${title(entry)}\n${runs.length === 0 ? '  never within 50 years\n' : runs.join('')}`;
    })
    .join('');
}

/** For programs. */
export function renderPlanJson(plans: readonly Plan[]): string {
  const entries = plans.map(({ entry, times }) => {
    const { name, queue, schedule, missed, job } = entry;
    const when =
      schedule.kind === 'cron'
        ? { cron: schedule.expression.text, timezone: schedule.zone.name, interval: null }
        : { cron: null, timezone: null, interval: schedule.seconds };
    return { name, function: job.functionName, queue, ...when, missed, next: times.map(iso) };
  });
  return JSON.stringify({ entries });
}

function title({ name, queue, schedule, job }: CronEntry): string {
  const called = name === job.functionName ? '' : `${name}: `;
  return `${called}${job.functionName} on ${queue}, ${schedule.text}`;
}

const iso = (seconds: number): string => `${new Date(seconds * 1_000).toISOString().slice(0, 19)}Z`;

function local(seconds: number, schedule: Schedule): string {
  if (schedule.kind === 'interval' || schedule.zone.name === 'UTC') return '';
  const { zone } = schedule;
  const ms = seconds * 1_000;
  const text = new Date(ms + zone.offsetAt(ms)).toISOString().slice(0, 19).replace('T', ' ');
  return `  ${text} ${zone.name}`;
}

/** The log line of an event. */
export function cronRecord(event: CronEvent): LogRecord {
  switch (event.type) {
    case 'ready': {
      const entries = `${event.entries} ${event.entries === 1 ? 'entry' : 'entries'}`;
      const fields = { scheduler: event.name, pid: process.pid, entries: event.entries };
      return { level: 'info', event: 'ready', message: `Cron ${event.name}: ${entries}`, fields };
    }
    case 'enqueued': {
      const { entry, id, moment, lateSeconds } = event;
      const late = lateSeconds > 60 ? `, ${Math.round(lateSeconds)} s late` : '';
      const message = `${title(entry)}: enqueued ${id} for ${iso(moment)}${late}`;
      return {
        level: 'info',
        event: 'enqueued',
        message,
        fields: { ...fieldsOf(entry), job: id, moment: iso(moment) },
      };
    }
    case 'taken': {
      const message = `${title(event.entry)}: ${iso(event.moment)} was enqueued by another`;
      return {
        level: 'debug',
        event: 'taken',
        message,
        fields: { ...fieldsOf(event.entry), moment: iso(event.moment) },
      };
    }
    case 'skipped': {
      const message = `${title(event.entry)}: missed ${iso(event.moment)}, skipped`;
      return {
        level: 'warning',
        event: 'skipped',
        message,
        fields: { ...fieldsOf(event.entry), moment: iso(event.moment) },
      };
    }
    case 'replaced': {
      const message = `${title(event.entry)}: left to the process that has loaded this name as ${event.what}; SIGHUP takes it back`;
      return { level: 'warning', event: 'replaced', message, fields: fieldsOf(event.entry) };
    }
    case 'failed': {
      const message = `${title(event.entry)}: not enqueued, tried again each 5 s: ${event.message}`;
      return { level: 'error', event: 'failed', message, fields: fieldsOf(event.entry) };
    }
    case 'unregistered': {
      const message = `this scheduler could not be registered, which only its observers miss: ${event.message}`;
      return { level: 'warning', event: 'unregistered', message };
    }
  }
}

const fieldsOf = ({ name, queue, job }: CronEntry) => ({ entry: name, function: job.functionName, queue });
