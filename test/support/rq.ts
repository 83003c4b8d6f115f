import type { Redis as IoRedis } from 'ioredis';
import { inflateSync } from 'node:zlib';
import { connect } from '../../src/redis/connect.js';
import { enqueue, type NewJob } from '../../src/queue/enqueue.js';
import type { Redis } from '../../src/redis/redis.js';
import { setTimeout as sleep } from 'node:timers/promises';

/** A producer connection to a private server. */
export const producerTo = (port: number): Redis =>
  connect({ kind: 'tcp', host: '127.0.0.1', port, db: 0 }, { role: 'producer' });

/** Enqueues `functionName(...args)` and returns the id. */
export async function put(
  redis: Redis,
  functionName: string,
  args: unknown[] = [],
  more: Partial<NewJob> = {},
): Promise<string> {
  return (await enqueue(redis, { functionName, args, ...more })).id;
}

export interface StoredResult {
  readonly type: number;
  readonly value: unknown;
  readonly error: string | null;
  readonly workerName: string;
}

/** The newest entry of the result stream, decoded as Python would (JSON serializer). */
export async function latestResult(client: IoRedis, id: string): Promise<StoredResult | null> {
  const [entry] = (await client.call('XREVRANGE', `rq:results:${id}`, '+', '-', 'COUNT', '1')) as [string, string[]][];
  if (!entry) return null;
  const fields = new Map<string, string>();
  for (let i = 0; i < entry[1].length; i += 2) fields.set(entry[1][i] ?? '', entry[1][i + 1] ?? '');
  const value = fields.get('return_value');
  const error = fields.get('exc_string');
  return {
    type: Number(fields.get('type')),
    value: value === undefined ? null : JSON.parse(Buffer.from(value, 'base64').toString()),
    error: error === undefined ? null : inflateSync(Buffer.from(error, 'base64')).toString(),
    workerName: fields.get('worker_name') ?? '',
  };
}

export const statusOf = (client: IoRedis, id: string): Promise<string | null> => client.hget(`rq:job:${id}`, 'status');

/** Waits until `condition` holds; fails with `what` after 20 s. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  timeoutMs = 20_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`it did not come about that ${what}`);
    await sleep(20);
  }
}

/** Every place of RQ's layout that holds the job now. */
export async function placesOf(client: IoRedis, id: string, queue: string): Promise<string[]> {
  const places: string[] = [];
  for (const list of ['', ':intermediate', ':intermediate:tsrq'].map((end) => `rq:queue:${queue}${end}`)) {
    for (const entry of await client.lrange(list, '0', '-1')) if (entry === id) places.push(list);
  }
  for (const registry of ['finished', 'failed', 'deferred', 'scheduled', 'canceled']) {
    if ((await client.zscore(`rq:${registry}:${queue}`, id)) !== null) places.push(registry);
  }
  for (const member of await client.zrange(`rq:wip:${queue}`, '0', '-1'))
    if (member.startsWith(`${id}:`)) places.push('wip');
  return places;
}
