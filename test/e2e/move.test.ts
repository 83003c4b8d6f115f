import { expect, it } from 'vitest';
import { runTsrq } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { put } from '../support/rq.js';

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

const tsrq = (...args: string[]) => runTsrq(args, { url: server.url });

it('moves what is chosen, and tells how much', async () => {
  for (const id of ['one', 'two', 'three']) await put(redis, 'mail.send', [id], { id, queue: 'low' });
  await put(redis, 'mail.send', [], { id: 'later', queue: 'low', scheduleInSeconds: 3_600 });
  const dry = await tsrq('move', 'low', 'high', '--match', "'t", '--dry-run', '--json');
  expect(JSON.parse(dry.stdout)).toEqual({ from: 'low', to: 'high', moved: 0, wouldMove: 2, dropped: 0 });
  expect(await tsrq('move', 'low', 'high', '--match', "'t", '--limit', '1')).toMatchObject({
    code: 0,
    stdout: '1 jobs moved from low to high\n',
  });
  expect(await tsrq('move', 'low', 'high', '--queued', '--scheduled', '--limit', '3')).toMatchObject({
    code: 0,
    stdout: '2 jobs moved from low to high\n1 scheduled jobs moved from low to high\n',
  });
  expect(await client.lrange('rq:queue:high', '0', '-1')).toEqual(['two', 'one', 'three']);
  expect(await client.zrange('rq:scheduled:high', '0', '-1')).toEqual(['later']);
});

it.each([[['move', 'a']], [['move', 'a', 'a']], [['move', 'a', '']], [['move', 'a', 'b', '--limit', '0']]])(
  'refuses %j',
  async (args) => {
    const { code, stderr } = await tsrq(...args);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^tsrq: /)]);
  },
);
