import { Option, type Command } from 'commander';
import { TsrqError } from '../errors.js';
import type { Webhook } from '../protocol/webhooks.js';
import type { FollowUps, RetryPolicy } from '../queue/follow-ups.js';
import { defined } from './context.js';
import { duration, durations, several, whole } from './values.js';

/** Options of `enqueue` about what follows the end of a job. */
export interface FollowUpOptions {
  retryMax?: number;
  retryInterval?: number[];
  retryBackoff?: number;
  retryAtFront?: boolean;
  onSuccess?: string;
  onFailure?: string;
  onStopped?: string;
  callbackTimeout?: number;
  webhookFinished?: string[];
  webhookFailed?: string[];
  webhookMethod?: 'GET' | 'POST';
  repeatTimes?: number;
  repeatInterval?: number[];
}

export function withFollowUps(command: Command): Command {
  return command
    .option('--retry-max <count>', 'how often to retry the job when it fails', whole(0))
    .option(
      '--retry-interval <duration>',
      'wait before a retry; repeatable. With fewer than retries the first one repeats',
      durations,
    )
    .option(
      '--retry-backoff <duration>',
      'wait so long before the first retry and twice as long before each next, an hour at most, less up to half by chance',
      duration,
    )
    .option('--retry-at-front', 'retries go to the head of the queue')
    .option('--on-success <name>', 'function to call with the job and its result when it has succeeded')
    .option('--on-failure <name>', 'function to call with the job and its error when it has failed')
    .option('--on-stopped <name>', 'function to call with the job when it was stopped')
    .option('--callback-timeout <duration>', 'how long each of these may take (default: 60)', duration)
    .option('--webhook-finished <url>', 'send a request when the job has finished; repeatable', several)
    .option('--webhook-failed <url>', 'send a request when the job has failed for good; repeatable', several)
    .addOption(new Option('--webhook-method <method>', 'how to send them (default: GET)').choices(['GET', 'POST']))
    .option('--repeat-times <count>', 'how often to run the job again when it has succeeded', whole(1))
    .option(
      '--repeat-interval <duration>',
      "wait before a repeat; repeatable, in RQ's order: the last one is the first to be used",
      durations,
    );
}

/** What they mean. Throws USAGE for those that go only with others. */
export function followUpsOf(options: FollowUpOptions): FollowUps {
  const own = { retry: retryOf(options), repeat: repeatOf(options), webhooks: webhooksOf(options) };
  return { ...defined(own), ...callbacksOf(options) };
}

function retryOf({ retryMax, retryInterval, retryBackoff, retryAtFront }: FollowUpOptions): RetryPolicy | undefined {
  if (retryMax === undefined || retryMax === 0) {
    const given = {
      '--retry-interval': retryInterval,
      '--retry-backoff': retryBackoff,
      '--retry-at-front': retryAtFront,
    };
    const [name] = Object.entries(given).find(([, value]) => value !== undefined) ?? [];
    if (name !== undefined) throw new TsrqError('USAGE', `${name} needs --retry-max, from 1`);
    return undefined;
  }
  const backoff = retryBackoff === undefined ? undefined : { initialSeconds: retryBackoff };
  return { max: retryMax, ...defined({ intervals: retryInterval, backoff, enqueueAtFront: retryAtFront }) };
}

function webhooksOf({ webhookFinished, webhookFailed, webhookMethod }: FollowUpOptions): Webhook[] | undefined {
  const method = defined({ method: webhookMethod });
  const webhooks = [
    ...(webhookFinished ?? []).map((url): Webhook => ({ url, jobStatus: 'finished', ...method })),
    ...(webhookFailed ?? []).map((url): Webhook => ({ url, jobStatus: 'failed', ...method })),
  ];
  if (webhooks.length > 0) return webhooks;
  if (webhookMethod === undefined) return undefined;
  throw new TsrqError('USAGE', '--webhook-method needs --webhook-finished or --webhook-failed');
}

function repeatOf({ repeatTimes, repeatInterval }: FollowUpOptions): FollowUps['repeat'] {
  if (repeatTimes !== undefined) return { times: repeatTimes, ...defined({ interval: repeatInterval }) };
  if (repeatInterval !== undefined) throw new TsrqError('USAGE', '--repeat-interval needs --repeat-times');
  return undefined;
}

function callbacksOf(options: FollowUpOptions): Pick<FollowUps, 'onSuccess' | 'onFailure' | 'onStopped'> {
  const { onSuccess, onFailure, onStopped, callbackTimeout } = options;
  const names = defined({ onSuccess, onFailure, onStopped });
  if (callbackTimeout === undefined) return names;
  const timed = Object.entries(names).map(([kind, name]) => [kind, { name, timeoutSeconds: callbackTimeout }] as const);
  if (timed.length > 0) return Object.fromEntries(timed);
  throw new TsrqError('USAGE', '--callback-timeout needs --on-success, --on-failure or --on-stopped');
}
