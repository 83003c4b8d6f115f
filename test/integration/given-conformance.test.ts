import { Redis as IoRedis } from 'ioredis';
import { describe } from 'vitest';
import { QueueWait } from '../../src/redis/blocking.js';
import { givenClient } from '../../src/redis/given.js';
import { subscribe } from '../../src/redis/subscribe.js';
import type { Redis } from '../../src/redis/redis.js';
import { conformance, type Implementation } from '../support/conformance.js';

/** Options that change what a client does with a command while there is no connection. */
const HABITS = {
  'as ioredis makes them': {},
  'that queue for ever': { maxRetriesPerRequest: null, enableOfflineQueue: true },
  'that give up at once': { maxRetriesPerRequest: 0, enableOfflineQueue: false },
};

describe.each(Object.entries(HABITS))("an application's clients %s", (_, habits) => {
  const connect: Implementation['connect'] = (target, { name, deadlineMs }) => {
    if (target.kind !== 'tcp') throw new Error('these tests use TCP');
    const client = new IoRedis({
      ...{ host: target.host, port: target.port, db: target.db, lazyConnect: true, ...habits },
      ...(name === undefined ? {} : { connectionName: name.replace(/[^\x21-\x7e]/g, '_') }),
      ...(target.username === undefined ? {} : { username: target.username }),
      ...(target.password === undefined ? {} : { password: target.password }),
    });
    client.on('error', () => undefined);
    return closing(givenClient(client, deadlineMs === undefined ? {} : { deadlineMs }), client);
  };
  conformance({ connect, QueueWait, subscribe }, ['replies', 'scripts', 'a lost reply', 'a producer', 'close']);
});

/** tsrq does not close such a client; its owner does. */
function closing(redis: Redis, client: IoRedis): Redis {
  const close = redis.close.bind(redis);
  redis.close = () => {
    close();
    client.disconnect();
  };
  return redis;
}
