import type { Redis as IoRedis } from 'ioredis';
import { executionKey } from '../../src/protocol/keys.js';
import { STRANDED_AFTER_SECONDS } from '../../src/queue/stranded.js';
import { LONG } from './plan.js';
import { unsettled, type Blows } from './verdict.js';
import { until } from '../support/rq.js';

/**
 * Waits until no job is on its way any more. In a short run the time of what killed workers have left behind is declared
 * over; a long one waits for it.
 */
export async function settle(client: IoRedis, queues: readonly string[], blows: Blows): Promise<void> {
  await until(
    'every job has ended',
    async () => {
      if (!LONG) for (const queue of queues) await hurry(client, queue, blows);
      return (await unsettled(client, queues)) === 0;
    },
    // What a Python worker leaves behind between its steps takes up to six sweeps, a quarter of a minute each.
    LONG ? 300_000 : 240_000,
  ).catch(async (error: unknown) => {
    for (const queue of queues) console.log(`chaos: not settled on ${queue}: ${await remains(client, queue)}`);
    throw error;
  });
}

/** The ids between a queue and their start. */
async function between(client: IoRedis, queue: string): Promise<string[]> {
  const list = `rq:queue:${queue}:intermediate`;
  return [...(await client.lrange(list, 0, -1)), ...(await client.lrange(`${list}:tsrq`, 0, -1))];
}

/** What is on its way, for whoever has to find out why. */
async function remains(client: IoRedis, queue: string): Promise<string> {
  const places = {
    queued: await client.lrange(`rq:queue:${queue}`, 0, 9),
    intermediate: await between(client, queue),
    wip: await client.zrange(`rq:wip:${queue}`, '0', '9', 'WITHSCORES'),
    scheduled: await client.zrange(`rq:scheduled:${queue}`, '0', '9', 'WITHSCORES'),
  };
  const ids = Object.values(places).flatMap((list) => list.map((entry) => entry.split(':')[0] ?? ''));
  const jobs = ids.map(async (id) => [id, await client.hmget(`rq:job:${id}`, 'status', 'worker_name', 'enqueued_at')]);
  const seen = await Promise.all(
    places.intermediate.map((id) => client.get(`rq:queue:${queue}:intermediate:first_seen:${id}`)),
  );
  return JSON.stringify({ now: (await client.time())[0], ...places, seen, jobs: await Promise.all(jobs) });
}

async function hurry(client: IoRedis, queue: string, blows: Blows): Promise<void> {
  for (const member of await client.zrange(`rq:wip:${queue}`, '0', '-1')) {
    const [id = '', execution = ''] = member.split(':');
    const worker = await client.hget(`rq:job:${id}`, 'worker_name');
    const killedAt = worker === null ? null : blows.workerKilledAt(worker);
    // A Python worker lists its execution before its child writes who runs the job: until then that is whoever had it last.
    const createdAt = await client.hget(executionKey(id, execution), 'created_at');
    const isOthers = createdAt !== null && Number(createdAt) * 1_000 > (killedAt ?? 0);
    if (killedAt !== null && !isOthers) await client.zadd(`rq:wip:${queue}`, 'XX', 1, member);
  }
  for (const id of await between(client, queue)) {
    const seen = `rq:queue:${queue}:intermediate:first_seen:${id}`;
    // Long enough for tsrq, and not for Python RQ, which would fail the job.
    const since = Number((await client.time())[0]) - (STRANDED_AFTER_SECONDS + 60) / 2;
    if ((await client.exists(seen)) === 1) await client.set(seen, String(since), 'EX', 180);
  }
}
