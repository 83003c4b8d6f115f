import { Command, InvalidArgumentError, Option } from 'commander';
import { TsrqError } from '../../errors.js';
import { loads } from '../../protocol/json.js';
import { enqueue, type NewJob } from '../../queue/enqueue.js';
import { shownJson } from '../render/job.js';
import { parseArguments } from '../arguments.js';
import { followUpsOf, withFollowUps, type FollowUpOptions } from '../follow-up-options.js';
import { defined, type Cli } from '../context.js';
import { durability } from '../../redis/durable.js';
import { date, duration, waitingTime, whole } from '../values.js';
import { reportEnd, waitUntilEnd } from './job/wait.js';
import { printable } from '../render/words.js';

interface Options extends FollowUpOptions {
  queue: string;
  timeout?: number;
  resultTtl?: number;
  ttl?: number;
  failureTtl?: number;
  description?: string;
  jobId?: string;
  atFront?: boolean;
  meta?: string;
  dependsOn?: string[];
  allowFailure?: boolean;
  scheduleIn?: number;
  scheduleAt?: Date;
  unique?: boolean;
  replace?: boolean;
  durable?: number;
  wait?: number | true;
  serializer?: 'json' | 'pickle';
  group?: string;
  rateLimit?: NonNullable<NewJob['rateLimit']>;
}

const EXAMPLES = `
Arguments:
  text       a string             key=text    a string for the parameter 'key'
  :json      a JSON value         key:=json   a JSON value for 'key'
  @file      the text of a file   key:=@file  the JSON of a file

Durations are seconds, or a number with d, h, m or s: 90, 5m, 1h.

Examples:
  $ tsrq enqueue count.words https://example.org
  $ tsrq enqueue -q high --timeout 5m mail.send to=bob@example.org urgent:=true
  $ tsrq enqueue --schedule-in 10m reminders.send 42
  $ tsrq enqueue --depends-on fetch-1 --depends-on fetch-2 report.merge
  $ tsrq enqueue count.words 'a b c' --wait 30s
  $ tsrq enqueue --job-id nightly --retry-max 2 --retry-interval 10 report.build
  $ tsrq enqueue --on-success mail.done --on-failure mail.sorry report.build
  $ tsrq enqueue --repeat-times 23 --repeat-interval 1h stats.collect
  $ tsrq enqueue --retry-max 8 --retry-backoff 5s http.fetch https://example.org
`;

const DONE = { queued: 'Enqueued', scheduled: 'Scheduled', deferred: 'Deferred', rate_limited: 'Held back' } as const;

export function enqueueCommand(cli: Cli): Command {
  const command = new Command('enqueue')
    .description('Put a call of FUNCTION on a queue; a worker will run it.')
    .argument('<function>', 'name of the function: module.function, or a registered name')
    .argument('[arguments...]', 'its arguments; see below')
    .option('-q, --queue <name>', 'the queue', 'default')
    .option('--timeout <duration>', 'how long the job may run; -1 for no limit (default: 180)', duration)
    .option('--result-ttl <duration>', 'how long to keep the result: 0 not at all, -1 for ever', duration)
    .option('--ttl <duration>', 'how long the job may wait in the queue', duration)
    .option('--failure-ttl <duration>', 'how long to keep the job when it failed (default: a year)', duration)
    .option('--description <text>', 'what to show for the job (default: the call)')
    .option('--job-id <id>', 'the id of the job: letters, digits, _ and - (default: random)')
    .option('--at-front', 'put the job at the head of the queue')
    .option('--meta <json>', 'an object to store with the job')
    .option('--depends-on <id>', 'wait until that job is done; repeatable', ids)
    .option('--allow-failure', 'with --depends-on: a job that failed counts as done')
    .option('--schedule-in <duration>', 'not before so much time has passed', duration)
    .option(
      '--schedule-at <date>',
      'not before that moment: 2030-01-02T03:04:05, local time, or with Z or an offset',
      date,
    )
    .option('--rate-limit <key=n>', 'at most n jobs of this key are queued or run at once; the others wait', rateLimit)
    .option('--group <name>', 'make the job a member of this group; see `tsrq group`')
    .option('--unique', 'refuse when a job with this id exists, even one that has ended')
    .option('--replace', 'replace a waiting job that has this id')
    .option('--durable <replicas>', 'count it as enqueued only when so many replicas have it (else exit 75)', whole(1))
    .option(
      '--wait [duration]',
      'wait for the end and print the result; exit 1 if it fails, 124 when the time is over',
      waited,
    )
    .addOption(new Option('--serializer <name>', 'how to write the arguments').choices(['json', 'pickle']));
  return withFollowUps(command)
    .addHelpText('after', EXAMPLES)
    .action(async (functionName: string, words: string[], options: Options) => {
      const job = newJob(cli, functionName, words, options);
      const settings = await cli.settings();
      const redis = await cli.connect(settings.targetOf(options.queue));
      const { id, queue, description, status } = await enqueue(redis, job);
      const waits = options.wait !== undefined;
      if (cli.json && !waits) cli.stdout.write(`${JSON.stringify({ id, queue, status, description })}\n`);
      else if (!cli.json && !cli.quiet)
        cli.stdout.write(`${printable(`${DONE[status]} ${description} on ${queue} with job-id '${id}'.`)}\n`);
      if (!waits) return;
      const timeoutSeconds = options.wait === true ? undefined : options.wait;
      const end = await waitUntilEnd(cli, redis, id, { ...defined({ timeoutSeconds }), enqueued: job });
      if (cli.json) cli.stdout.write(`${shownJson({ queue, description, ...end })}\n`);
      else reportEnd(cli, end, { alone: true });
    });
}

function newJob(cli: Cli, functionName: string, words: readonly string[], options: Options): NewJob {
  if (options.unique === true && options.jobId === undefined) {
    throw new TsrqError('USAGE', '--unique needs --job-id: it is the id that is to be unique');
  }
  if (options.unique === true && options.replace === true)
    throw new TsrqError('USAGE', 'either --unique or --replace: an existing job is left alone, or replaced');
  if (options.allowFailure === true && options.dependsOn === undefined) {
    throw new TsrqError('USAGE', '--allow-failure needs --depends-on');
  }
  const parents = options.dependsOn;
  const dependsOn = parents && options.allowFailure === true ? { ids: parents, allowFailure: true } : parents;
  const rule = options.unique === true ? 'unique' : options.replace === true ? 'replace' : 'refuse';
  return {
    functionName,
    ...parseArguments(words, cli.cwd),
    queue: options.queue,
    onExistingId: rule,
    atFront: options.atFront === true,
    ...followUpsOf(options),
    ...defined({
      id: options.jobId,
      description: options.description,
      timeoutSeconds: options.timeout,
      resultTtlSeconds: options.resultTtl,
      failureTtlSeconds: options.failureTtl,
      ttlSeconds: options.ttl,
      meta: options.meta === undefined ? undefined : parseMeta(options.meta),
      serializer: options.serializer,
      group: options.group,
      rateLimit: options.rateLimit,
      dependsOn,
      scheduleInSeconds: options.scheduleIn,
      scheduleAt: options.scheduleAt,
      durable: options.durable === undefined ? undefined : durability(options.durable),
    }),
  };
}

function parseMeta(text: string): Record<string, unknown> {
  let meta: unknown;
  try {
    meta = loads(text);
  } catch {
    meta = null;
  }
  if (typeof meta === 'object' && meta !== null && !Array.isArray(meta)) return meta as Record<string, unknown>;
  throw new TsrqError('USAGE', `--meta needs a JSON object, not '${text}'`);
}

/** An optional value takes the word behind it, whatever that is. */
function waited(text: string): number {
  try {
    return waitingTime(text);
  } catch {
    throw new InvalidArgumentError(`'${text}' is no duration: write --wait=30s, or --wait behind the arguments`);
  }
}

function rateLimit(text: string): NonNullable<NewJob['rateLimit']> {
  const [, key, concurrency] = /^(.+)=([1-9]\d{0,8})$/.exec(text) ?? [];
  if (key !== undefined && concurrency !== undefined) return { key, concurrency: Number(concurrency) };
  throw new InvalidArgumentError(`a key and a number are needed, as api=2, not '${text}'`);
}

function ids(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), ...text.split(',').map((id) => id.trim())];
}
