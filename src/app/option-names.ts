import { nearest } from '../config/suggest.js';
import { TsrqError } from '../errors.js';
import type { EnqueueOptions } from './options.js';

/** Every one of them, once. */
const NAMES: Readonly<Record<keyof EnqueueOptions, true>> = {
  ...{ id: true, queue: true, kwargs: true, description: true, meta: true, serializer: true, atFront: true },
  ...{ group: true, rateLimit: true, onExistingId: true, durable: true, dependsOn: true },
  ...{ timeout: true, resultTtl: true, failureTtl: true, ttl: true },
  ...{ retry: true, repeat: true, onSuccess: true, onFailure: true, onStopped: true, webhooks: true },
};
const KNOWN: ReadonlySet<string> = new Set(Object.keys(NAMES));

/** What other libraries, RQ among them, and the verbs below call these. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ...{ jobId: 'id', jobTimeout: 'timeout', job_timeout: 'timeout', timeoutSeconds: 'timeout' },
  ...{ attempts: 'retry', retries: 'retry', backoff: 'retry: { max, backoff }', interval: 'retry: { max, intervals }' },
  ...{ delay: 'enqueueIn()', scheduleInSeconds: 'enqueueIn()', scheduleAt: 'enqueueAt()' },
  ...{ priority: 'atFront', lifo: 'atFront', unique: "onExistingId: 'unique'", deduplication: 'id' },
  ...{ removeOnComplete: 'resultTtl', resultTtlSeconds: 'resultTtl', ttlSeconds: 'ttl' },
  ...{ removeOnFail: 'failureTtl', failureTtlSeconds: 'failureTtl', parent: 'dependsOn' },
};

/** Throws USAGE for an option that there is not: passed over in silence it would be missed when it is needed. */
export function checkOptionNames(options: object): void {
  for (const name in options) if (!KNOWN.has(name)) throw unknown(name);
}

function unknown(name: string): TsrqError {
  const meant = Object.hasOwn(ELSEWHERE, name) ? ELSEWHERE[name] : nearest(name, [...KNOWN]);
  return new TsrqError('USAGE', `jobs have no option '${name}'`, {
    hint: meant ? `did you mean ${meant}?` : `there are ${[...KNOWN].join(', ')}`,
  });
}
