import type { Redis as IoRedis } from 'ioredis';
import { startRedis, type TestRedis } from './redis.js';
import { until } from './rq.js';

export interface Sentinels {
  readonly url: string;
  readonly nodes: readonly TestRedis[];
  readonly sentinels: readonly TestRedis[];
  /** The server that the sentinels call master now. */
  master(): Promise<TestRedis>;
  /** Clients of the present master, for assertions. */
  clientOfMaster(): Promise<IoRedis>;
  /** The sentinels make another server the master, without any server being lost. */
  failover(): Promise<void>;
  stop(): Promise<void>;
}

const NAME = 'mymaster';

/** A master, two replicas and three sentinels with quick reactions, ready for a fail-over. */
export async function startSentinels(): Promise<Sentinels> {
  const conf = { 'repl-diskless-sync-delay': '0' };
  const first = await startRedis({ conf });
  const replicas = await Promise.all(
    [1, 2].map(() => startRedis({ conf: { ...conf, replicaof: `127.0.0.1 ${first.port}` } })),
  );
  const nodes = [first, ...replicas];
  const sentinels = await Promise.all([1, 2, 3].map(() => startSentinel(first.port)));
  const asking = sentinels.map((sentinel) => sentinel.client());
  const firstClient = first.client();
  await until('the sentinels know each other and the replicas', async () => {
    const views = await Promise.all(asking.map((client) => client.call('SENTINEL', 'MASTERS') as Promise<string[][]>));
    const known = views.every(([view = []]) => {
      const field = (name: string): string | undefined => view[view.indexOf(name) + 1];
      return field('num-slaves') === '2' && field('num-other-sentinels') === '2';
    });
    return known && (await firstClient.info('replication')).match(/state=online/g)?.length === 2;
  });
  const master = async (): Promise<TestRedis> => {
    for (const client of asking) {
      const address = (await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)) as [string, string] | null;
      const node = nodes.find(({ port }) => port === Number(address?.[1]));
      if (node) return node;
    }
    throw new Error('no sentinel names a master');
  };
  return {
    url: `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${NAME}/0`,
    nodes,
    sentinels,
    master,
    clientOfMaster: async () => (await master()).client(),
    failover: async () => {
      const before = await master();
      await asking[0]?.call('SENTINEL', 'FAILOVER', NAME);
      await until('the sentinels name another master', async () => (await master()) !== before);
    },
    stop: async () => {
      await Promise.all([...sentinels, ...nodes].map((server) => server.stop()));
    },
  };
}

async function startSentinel(masterPort: number): Promise<TestRedis> {
  const sentinel = await startRedis({
    conf: {
      'sentinel monitor': `${NAME} 127.0.0.1 ${masterPort} 2`,
      'sentinel down-after-milliseconds': `${NAME} 500`,
      'sentinel failover-timeout': `${NAME} 1000`,
    },
    args: ['--sentinel'],
    plain: true,
  });
  const client = sentinel.client();
  await client.call(
    'SENTINEL',
    'DEBUG',
    'INFO-PERIOD',
    '500',
    'PING-PERIOD',
    '300',
    'ASK-PERIOD',
    '200',
    'PUBLISH-PERIOD',
    '200',
  );
  return sentinel;
}
