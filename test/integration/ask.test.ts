import { beforeEach, describe, expect, it } from 'vitest';
import { ask } from '../../src/info/answer.js';
import { connect } from '../../src/redis/connect.js';
import type { RedisCommand } from '../../src/redis/redis.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));
beforeEach(async () => {
  await client.config('RESETSTAT');
  await client.hset('hash', { text: 'ä "quoted" \\ \u2028 \u0000 \u007f', number: '12345678901234567890', empty: '' });
  await client.hset('hash', 'bytes', Buffer.from([0xff, 0x22, 0xc3, 0x22, 0xe2, 0x82]));
  await client.rpush('list', 'false', '{}', 'null');
  await client.zadd('zset', 1.5, 'a', '+inf', 'b');
  await client.sadd('set', 'one');
});

const KINDS: readonly RedisCommand[] = [
  ['HGETALL', 'hash'],
  ['HMGET', 'hash', 'text', 'absent', 'bytes', 'empty'],
  ['HGET', 'hash', 'absent'],
  ['HGETALL', 'absent'],
  ['SMEMBERS', 'set'],
  ['SMEMBERS', 'absent'],
  ['LINDEX', 'list', 0],
  ['LINDEX', 'list', 9],
  ['LRANGE', 'list', 0, -1],
  ['ZRANGE', 'zset', 0, -1, 'WITHSCORES'],
  ['ZCARD', 'zset'],
  ['EXISTS', 'hash', 'list', 'absent'],
  ['PTTL', 'absent'],
  ['LLEN', 'hash'],
  ['PING'],
];
/** What every connection asks for. */
const COMMON = ['+ping', '+select', '+client|setname'];
const address = () => ({ kind: 'tcp', host: '127.0.0.1', port: server.port, db: 0 }) as const;

const repeated = (times: number): RedisCommand[] => Array.from({ length: times }, () => KINDS).flat();
const callsOf = async (command: string): Promise<number> =>
  Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(await client.info('commandstats'))?.[1] ?? 0);
const comparable = (reply: unknown): unknown => (reply instanceof Error ? `error: ${reply.message}` : reply);

describe('what is asked of a thousand keys', () => {
  it.each([
    [10, 'without scripts'],
    [100, 'by a few calls'],
  ])('%d times all kinds of commands, %s: the same answers as of a pipeline', async (times, how) => {
    const commands = repeated(times);
    const expected = (await redis.pipeline(commands)).map(comparable);
    const groups = await ask(redis, [commands.slice(0, 7), [], commands.slice(7)]);
    expect(groups.map((group) => group.length)).toEqual([7, 0, commands.length - 7]);
    expect(groups.flat().map(({ command }) => command)).toEqual(commands);
    expect(groups.flat().map(({ reply }) => comparable(reply))).toEqual(expected);
    expect(expected).toContainEqual(expect.stringMatching(/^error: WRONGTYPE/));
    expect(await callsOf('evalsha')).toBe(how === 'without scripts' ? 0 : Math.ceil(commands.length / 250));
  });

  it('whoever may not run scripts is answered all the same, and is refused once', async () => {
    await client.call('ACL', 'SETUSER', 'looker', 'on', '>pw', '~*', '+@read', ...COMMON);
    const looker = connect({ ...address(), username: 'looker', password: 'pw' }, { role: 'producer' });
    const commands = repeated(40);
    const expected = (await redis.pipeline(commands)).map(comparable);
    for (let look = 0; look < 2; look += 1) {
      const answers = await ask(looker, [commands]);
      expect(answers.flat().map(({ reply }) => comparable(reply))).toEqual(expected);
    }
    expect(await callsOf('evalsha')).toBe(0);
    const [refusal, ...more] = (await client.call('ACL', 'LOG')) as unknown[][];
    // By the calls of the first look.
    expect(refusal?.[1]).toBe(3);
    expect(more).toEqual([]);
    looker.close();
  });

  it('what the user may not read is refused as by a pipeline', async () => {
    await client.call('ACL', 'SETUSER', 'some', 'on', '>pw', '~hash', '+@read', '+eval', '+evalsha', ...COMMON);
    const some = connect({ ...address(), username: 'some', password: 'pw' }, { role: 'producer' });
    await expect(ask(some, [repeated(40)])).rejects.toMatchObject({
      code: 'REDIS_REFUSED',
      message: expect.stringContaining('NOPERM') as string,
    });
    some.close();
  });
});
