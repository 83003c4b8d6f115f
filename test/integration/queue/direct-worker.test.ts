import { expect, it } from 'vitest';
import { parseCommand } from '../../../src/protocol/commands.js';
import { script } from '../../../src/redis/scripts.js';
import { directWorker } from '../../../src/queue/direct-worker.js';
import { freshRedis, type FreshRedis } from '../../support/fresh-redis.js';
import { until } from '../../support/rq.js';

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

async function listen(name: string): Promise<string[]> {
  const heard: string[] = [];
  const ear = server.client();
  ear.on('message', (_channel: string, message: string) => heard.push(message));
  await ear.subscribe(`rq:pubsub:${name}`);
  return heard;
}

it('a command that is sent again is published once, and says again how many heard it', async () => {
  const heard = await listen('w');
  for (let i = 0; i < 2; i += 1) expect(await redis.evaluate(script('tell'), [], ['w', 'first', 'token'])).toBe(1);
  expect(await redis.evaluate(script('tell'), [], ['w', 'second', 'other'])).toBe(1);
  await until('both have come', () => heard.includes('second'));
  expect(heard).toEqual(['first', 'second']);
  expect(await client.ttl('rq:tsrq:told:token')).toBeGreaterThan(0);
});

it('a worker that was told to stop is not told again, and one that runs nothing is not told to end it', async () => {
  const heard = await listen('x');
  await client.hset('rq:worker:x', { birth: 'b', shutdown_requested_date: 'd' });
  expect(await directWorker(redis, 'x', { action: 'stop' })).toMatchObject({ state: 'already', subscribers: 0 });
  expect(await directWorker(redis, 'x', { action: 'kill-job' })).toMatchObject({ state: 'already' });
  await client.publish('rq:pubsub:x', 'end');
  await until('the end has come', () => heard.includes('end'));
  expect(heard).toEqual(['end']);
});

it('a worker that ends instead has done what it was told', async () => {
  await listen('y');
  await client.hset('rq:worker:y', { birth: 'b', tsrq_concurrency: '1' });
  const told = directWorker(redis, 'y', { action: 'scale', concurrency: 2 });
  await until('it is told', async () => (await client.keys('rq:tsrq:told:*')).length === 1);
  await client.del('rq:worker:y');
  expect(await told).toMatchObject({ state: 'done', subscribers: 1 });
});

it('words that are no commands of ours are refused by the worker, not guessed at', () => {
  for (const concurrency of [0, -1, 1.5, '2', null, undefined, 1e300]) {
    expect(parseCommand(JSON.stringify({ command: 'tsrq:scale', concurrency }))).toEqual({ command: 'unknown' });
  }
  expect(parseCommand('{"command":"tsrq:scale","concurrency":2}')).toEqual({ command: 'tsrq:scale', concurrency: 2 });
});
