import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connect, digest } from '../../src/redis/connect.js';
import type { Redis, Reply } from '../../src/redis/redis.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { RespItems } from '../support/resp.js';

let server: TestRedis;
let redis: Redis;
const closing: (() => void)[] = [];

const to = (port: number, deadlineMs = 5_000): Redis => {
  const opened = connect({ kind: 'tcp', host: '127.0.0.1', port, db: 0 }, { role: 'producer', deadlineMs });
  closing.push(() => {
    opened.close();
  });
  return opened;
};

beforeAll(async () => {
  server = await startRedis();
  redis = to(server.port);
});
afterAll(async () => {
  for (const close of closing.splice(0)) close();
  await server.stop();
});
afterEach(async () => {
  await server.client().flushall();
});

describe('many calls on one connection', () => {
  it('get their own answers: texts, bytes, numbers, errors', async () => {
    const calls = Array.from({ length: 5_000 }, (_, n): Promise<unknown> => {
      if (n % 4 === 0) return redis.call(['ECHO', `text ${n}é`]);
      if (n % 4 === 1) return redis.callBuffer(['ECHO', Buffer.from([n % 256, 13, 10, 255])]);
      if (n % 4 === 2) return redis.call(['INCR', 'n']);
      return redis.call(['NONSENSE', n]).catch((error: unknown) => error);
    });
    const answers = await Promise.all(calls);
    answers.forEach((answer, n) => {
      if (n % 4 === 0) expect(answer).toBe(`text ${n}é`);
      else if (n % 4 === 1) expect(answer).toEqual(Buffer.from([n % 256, 13, 10, 255]));
      else if (n % 4 === 2) expect(answer).toBe((n + 2) / 4);
      else expect(answer).toMatchObject({ name: 'ReplyError', message: expect.stringContaining('NONSENSE') as string });
    });
  });

  it('in pipelines too, where an error reply stands in its place', async () => {
    const large = 'ü'.repeat(4_000_000);
    const [set, wrong, got, nil, list] = await redis.pipeline([
      ['SET', 'large', large],
      ['LPUSH', 'large', 1],
      ['GET', 'large'],
      ['GET', 'none'],
      ['MGET', 'none', 'large', 'none'],
    ]);
    expect([set, got, nil, list]).toEqual(['OK', large, null, [null, large, null]]);
    expect(wrong).toMatchObject({ name: 'ReplyError', message: expect.stringMatching(/^WRONGTYPE/) as string });
    const asBytes = await redis.pipelineBuffer([
      ['SETBIT', 'bits', 7, 1],
      ['GET', 'bits'],
    ]);
    expect(asBytes).toEqual([0, Buffer.from([1])]);
    expect(await redis.pipeline([])).toEqual([]);
  });
});

/** A server that answers PING, and what `answer` says: to the command of that number, on the connection of that number, both from 1. */
async function pretend(
  answer: (command: number, connection: number) => string | Promise<string>,
): Promise<Server & { closed: number }> {
  let connections = 0;
  const pretended = Object.assign(
    createServer((socket: Socket) => {
      const connection = (connections += 1);
      const items = new RespItems();
      let commands = 0;
      socket.on('data', (bytes) => {
        for (const item of items.push(bytes)) {
          if (/\r\nping\r\n/i.test(item.toString())) socket.write('+PONG\r\n');
          else void Promise.resolve(answer((commands += 1), connection)).then((text) => socket.write(text));
        }
      });
      socket.on('error', () => undefined);
      socket.on('close', () => (pretended.closed += 1));
    }),
    { closed: 0 },
  );
  pretended.listen(0, '127.0.0.1');
  await once(pretended, 'listening');
  closing.push(() => pretended.close());
  return pretended;
}
const portOf = (pretended: Server): number => (pretended.address() as AddressInfo).port;

describe('a connection on which something comes that cannot be', () => {
  it('is given up for a new one, where the call is made again: what is no reply', async () => {
    const pretended = await pretend((_, connection) => (connection === 1 ? 'what?\r\n' : '$5\r\nvalue\r\n'));
    expect(await to(portOf(pretended)).call(['GET', 'key'])).toBe('value');
    expect(pretended.closed).toBe(1);
  });

  it('and a reply that nobody waits for: the next call does not get it', async () => {
    const pretended = await pretend((command, connection) =>
      connection === 1 && command === 1 ? '$3\r\none\r\n$5\r\nother\r\n' : `$3\r\ntwo\r\n`,
    );
    const through = to(portOf(pretended));
    const answers: Reply[] = [await through.call(['GET', '1'])];
    answers.push(await through.call(['GET', '2']));
    expect(answers).toEqual(['one', 'two']);
    expect(pretended.closed).toBe(1);
  });
});

describe('a call that fails and is made again', () => {
  const script = { name: 'one', source: 'return 1', sha: digest('return 1') };
  const readOnly = "-READONLY You can't write against a read only replica.\r\n";
  const failures = [
    ['an error reply for which the connection is given up', () => readOnly],
    ['no answer in time', () => ''],
    ['an answer that comes too late', () => sleep(700, ':7\r\n')],
    ['the connection is given up for a reply to another call', (n) => (n === 1 ? readOnly : '')],
  ] as const satisfies [string, (n: number) => string | Promise<string>][];

  it.each(failures)('is made once more, not twice: %s', async (_, first) => {
    const again: number[] = [];
    const pretended = await pretend((command, connection) => {
      if (connection > 1) again.push(connection);
      else return command === 1 ? '+OK\r\n' : first(command - 1);
      return ':1\r\n';
    });
    const target = { kind: 'tcp', host: '127.0.0.1', port: portOf(pretended), db: 0 } as const;
    const consumer = connect(target, { role: 'consumer', replyTimeoutMs: 500 });
    closing.push(() => {
      consumer.close();
    });
    // Connected before, as a worker is.
    expect(await consumer.call(['GET', 'key'])).toBe('OK');
    expect(await Promise.all([1, 2, 3].map(() => consumer.evaluate(script, [], [])))).toEqual([1, 1, 1]);
    await sleep(1_000);
    expect(again).toHaveLength(3);
  });
});

describe('a call of two commands', () => {
  const script = { name: 'one', source: 'return 1', sha: digest('return 1') };
  // Told by the order: the other call begins half a second later, and has as long as this one in all.
  const calls = [
    ['a script that Redis has to be told', '-NOSCRIPT No matching script.\r\n', (to) => to.evaluate(script, [], [])],
    [
      'a script whose replicas are waited for',
      ':1\r\n',
      (to) => to.evaluateDurably(script, [], { replicas: 1, timeoutMs: 50 }),
    ],
  ] as const satisfies [string, string, (to: Redis) => Promise<unknown>][];

  it.each(calls)('takes no longer than its deadline: %s', async (_, first, call) => {
    const slow = await pretend((command) => (command === 1 ? sleep(900, first) : ''));
    const silent = await pretend(() => '');
    const ended: string[] = [];
    const ends = (name: string, work: Promise<unknown>): Promise<void> =>
      work.then(
        () => expect.unreachable(),
        (error: unknown) => {
          expect(error).toMatchObject({
            code: 'REDIS_UNREACHABLE',
            message: expect.stringMatching(/no answer within/) as string,
          });
          ended.push(name);
        },
      );
    const two = ends('two commands', call(to(portOf(slow), 1_500)));
    await sleep(500);
    await Promise.all([two, ends('one command', to(portOf(silent), 1_500).call(['GET', 'key']))]);
    expect(ended).toEqual(['two commands', 'one command']);
  });
});

it('a connection that always has something under way keeps nothing of what was answered', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // Each answer comes with the next question.
  const pretended = await pretend((command) => (command === 1 ? '' : `$1000\r\n${'x'.repeat(1_000)}\r\n`));
  const through = to(portOf(pretended));
  const answers: WeakRef<Buffer>[] = [];
  const ask = async (): Promise<void> => {
    answers.push(new WeakRef((await through.callBuffer(['GET', 'key'])) as Buffer));
  };
  let underWay = ask();
  for (let n = 0; n < 3_000; n += 1) {
    const next = ask();
    await underWay;
    underWay = next;
  }
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  expect(answers).toHaveLength(3_000);
  expect(answers.filter((answer) => answer.deref() !== undefined).length).toBeLessThan(10);
  through.close();
  await underWay.catch(() => undefined);
});
