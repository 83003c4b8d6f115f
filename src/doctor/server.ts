import { finite, listOf, numberOf } from '../info/answer.js';
import { ok, problem, unseen, warning, type Finding } from './finding.js';
import { question, type Answer, type Inquiry } from './inquiry.js';

/** What Redis tells of itself. */
export interface Server {
  readonly info: ReadonlyMap<string, string>;
  readonly config: ReadonlyMap<string, string>;
  /** Why `info` and `config` are not whole. */
  readonly refusals: { readonly info: string; readonly config: string };
  /** Reached through Sentinel. */
  readonly throughSentinel: boolean;
  /** How many Sentinels watch it. */
  readonly sentinels: number;
}

const CONFIG = [
  'maxmemory',
  'maxmemory-policy',
  'appendonly',
  'save',
  'min-replicas-to-write',
  'stream-node-max-bytes',
] as const;

export async function readServer(inquiry: Inquiry, description: string): Promise<Server> {
  const [info = null, sentinels, ...config] = await inquiry.ask([
    question(['INFO']),
    // Every Sentinel listens on this channel of the master it watches.
    question(['PUBSUB', 'NUMSUB', '__sentinel__:hello'], 'sentinel'),
    ...CONFIG.map((name) => question(['CONFIG', 'GET', name])),
  ]);
  const reason = (answers: readonly Answer[]): string =>
    answers.find((answer) => answer instanceof Error)?.message ?? 'Redis does not tell it';
  return {
    info: parseInfo(typeof info === 'string' ? info : ''),
    config: new Map(config.map(listOf).flatMap(([name, value]) => (name === undefined ? [] : [[name, value ?? '']]))),
    refusals: { info: reason([info]), config: reason(config) },
    throughSentinel: description.includes('+sentinel://'),
    sentinels: Array.isArray(sentinels) ? numberOf(sentinels[1]) : 0,
  };
}

/** The fields of an `INFO` text. */
export function parseInfo(text: string): Map<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => line.includes(':'));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

export function checkVersion({ info, refusals }: Server): Finding[] {
  const valkey = info.get('valkey_version');
  const version = valkey ?? info.get('redis_version');
  if (version === undefined) return [unseen('server-version', refusals.info)];
  const name = `${valkey === undefined ? 'Redis' : 'Valkey'} ${version}`;
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (valkey !== undefined || major > 6 || (major === 6 && minor >= 2)) return [ok('server-version', name)];
  return [
    problem(
      'server-version',
      `${name} is older than 6.2, and workers need commands that it does not have`,
      'upgrade to Redis 6.2 or newer, or to Valkey',
    ),
  ];
}

export function checkEviction({ info, config, refusals }: Server): Finding[] {
  const policy = config.get('maxmemory-policy') ?? info.get('maxmemory_policy');
  const limit = finite(config.get('maxmemory') ?? info.get('maxmemory') ?? null);
  if (policy === undefined || limit === null) return [unseen('eviction-policy', refusals.config)];
  if (policy === 'noeviction') return [ok('eviction-policy', 'Redis evicts nothing (maxmemory-policy noeviction)')];
  const remedy = '`CONFIG SET maxmemory-policy noeviction`, and the same in redis.conf';
  if (limit === 0) {
    return [warning('eviction-policy', `maxmemory-policy is ${policy}: with a maxmemory it would delete jobs`, remedy)];
  }
  const message = `maxmemory-policy is ${policy}: when ${limit} bytes (maxmemory) are full, Redis deletes jobs and workers`;
  return [problem('eviction-policy', message, remedy)];
}

export function checkPersistence({ info, config, refusals }: Server): Finding[] {
  const failed = [
    ['rdb_last_bgsave_status', 'the last snapshot (RDB) has failed'],
    ['aof_last_write_status', 'the last write to the append-only file has failed'],
    ['aof_last_bgrewrite_status', 'the last rewrite of the append-only file has failed'],
  ].flatMap(([field = '', message = '']) => ((info.get(field) ?? 'ok') === 'ok' ? [] : [message]));
  if (failed.length > 0) {
    const remedy = "look at Redis's log and at the space on its disk; `BGSAVE` tries again";
    return failed.map((message) => problem('persistence', `${message}: a restart loses jobs`, remedy));
  }
  const aof = config.get('appendonly') === 'yes' || info.get('aof_enabled') === '1';
  if (aof) return [ok('persistence', 'an append-only file is written')];
  const remedy = '`CONFIG SET appendonly yes`, and the same in redis.conf: then at most a second of jobs is lost';
  const save = config.get('save');
  if (save === undefined) return [unseen('persistence', refusals.config)];
  if (save !== '') return [ok('persistence', 'snapshots only: a crash loses what came since the last one', remedy)];
  return [
    warning('persistence', 'neither an append-only file nor snapshots are written: a restart loses every job', remedy),
  ];
}

export function checkReplication(server: Server): Finding[] {
  const { info, config, refusals } = server;
  const role = info.get('role');
  if (role === undefined) return [unseen('replication', refusals.info)];
  if (role === 'slave') {
    const master = `${info.get('master_host') ?? '?'}:${info.get('master_port') ?? '?'}`;
    return [
      problem('replication', `this is a replica of ${master}: workers cannot write here`, 'point tsrq at the master'),
    ];
  }
  const replicas = Number(info.get('connected_slaves') ?? 0);
  if (replicas === 0 && !isWatched(server)) return [ok('replication', 'no replicas and no Sentinel')];
  const good = info.get('min_slaves_good_slaves');
  // Where CONFIG is refused: INFO has that field only if the setting is not 0.
  const needed = Number(config.get('min-replicas-to-write') ?? (good === undefined ? 0 : 1));
  if (needed === 0) {
    return [
      warning(
        'replication',
        'min-replicas-to-write is 0: a fail-over can lose writes that were acknowledged',
        "`CONFIG SET min-replicas-to-write 1` on every server, and tsrq's `--durable`",
      ),
    ];
  }
  if (good !== undefined && Number(good) < needed) {
    const message = `${good} replicas are in time and min-replicas-to-write is ${needed}: Redis refuses every write`;
    return [problem('replication', message, 'bring the replicas back')];
  }
  return [ok('replication', `replicas: ${replicas}, min-replicas-to-write: ${needed}`)];
}

/** The quorum is known to the Sentinels alone; this connection leads to the master, which knows how many there are. */
export function checkSentinel(server: Server): Finding[] {
  if (!isWatched(server)) return [];
  const { sentinels } = server;
  const message = `Sentinels that watch this master: ${sentinels}; their quorum cannot be seen from it`;
  const ask = 'ask one of them: `redis-cli -p 26379 SENTINEL CKQUORUM NAME`';
  if (sentinels >= 3) return [ok('sentinel', message, ask)];
  return [warning('sentinel', message, `run at least three, so that two are left when one is lost; ${ask}`)];
}

const isWatched = (server: Server): boolean => server.throughSentinel || server.sentinels > 0;

/** Above this, a result as Python writes it takes a block of 4 KB, however small it is. */
const SMALL_NODE = 1_024;

export function checkStreams({ config, refusals }: Server): Finding[] {
  const bytes = finite(config.get('stream-node-max-bytes') ?? null);
  if (bytes === null) return [unseen('stream-node-size', refusals.config)];
  if (bytes > 0 && bytes <= SMALL_NODE) return [ok('stream-node-size', `stream-node-max-bytes is ${bytes}`)];
  return [
    ok(
      'stream-node-size',
      `stream-node-max-bytes is ${bytes}: the result of each job that Python's workers finish takes 4 KB`,
      '`CONFIG SET stream-node-max-bytes 256` saves most of that; results of tsrq are small anyway',
    ),
  ];
}

export interface Clock {
  /** Redis's clock, milliseconds since the epoch. */
  readonly timeMs: number;
  /** How far it is ahead of ours. */
  readonly aheadMs: number;
  /** How far off that may be. */
  readonly errorMs: number;
}

/** By the quickest of three looks. `now`: our clock. */
export async function readClock(inquiry: Inquiry, now: () => number): Promise<Clock> {
  let best: Clock | null = null;
  for (let look = 0; look < 3; look += 1) {
    const [before, started] = [now(), performance.now()];
    const [answer = null] = await inquiry.ask([question(['TIME'], 'clock')]);
    const errorMs = (performance.now() - started) / 2;
    const timeMs = timeOf(answer) ?? before + errorMs;
    if (best === null || errorMs < best.errorMs) best = { timeMs, aheadMs: timeMs - before - errorMs, errorMs };
  }
  return best ?? { timeMs: now(), aheadMs: 0, errorMs: 0 };
}

function timeOf(answer: Answer): number | null {
  const [seconds, micros] = listOf(answer).map(Number);
  return seconds === undefined ? null : seconds * 1_000 + (micros ?? 0) / 1_000;
}

export function checkClock({ aheadMs, errorMs }: Clock): Finding[] {
  const offMs = Math.abs(aheadMs) - errorMs;
  const seconds = (Math.abs(aheadMs) / 1_000).toFixed(1);
  const details = { aheadSeconds: Math.round(aheadMs) / 1_000 };
  if (offMs <= 2_000) return [ok('clock', "this machine's clock and Redis's agree", null, details)];
  const message = `Redis's clock is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine's`;
  const remedy = 'let NTP set the clocks of both machines; leases, schedules and heartbeats are told by them';
  return [(offMs > 30_000 ? problem : warning)('clock', message, remedy, details)];
}
