import type { Redis as IoRedis, RedisOptions as AnyOptions } from 'ioredis';
import { classify } from './failure.js';
import type * as Module from './ioredis.js';
import { clientName, LINGER_MS, type OpenOptions, type OpenSocket } from './socket.js';
import type { SentinelTarget } from './target.js';
import { tlsOptions } from './tls.js';

/** Replies keep RESP2's shapes; that type parameter is not an option here. */
type RedisOptions = Omit<AnyOptions, 'replyMapping'>;

/** Loaded with the first connection that needs it. */
let ioredis: typeof Module | null = null;

/**
 * Opens a connection to the master that Sentinels know, by an ioredis client that never reconnects by itself and never re-sends. It watches for
 * fail-overs as long as the connection lives, and is thrown away with it (ioredis's own revival can wedge, and duplicates writes).
 */
export async function openMaster(target: SentinelTarget, options: OpenOptions): Promise<OpenSocket> {
  const { Redis } = (ioredis ??= await import('./ioredis.js'));
  options.signal?.throwIfAborted();
  const client = new Redis({ ...ownOptions(options), ...targetOptions(target, options.timeoutMs) });
  let lastError: Error | null = null;
  client.on('error', (error: Error) => {
    // That nothing is allowed without a login says less than why the login was refused.
    if (lastError === null || lastError.message.startsWith('NOAUTH')) lastError = error;
  });
  hushSentinels(client);
  const timer = setTimeout(() => {
    lastError ??= new Error(`no connection within ${Math.round(options.timeoutMs)} ms`);
    client.disconnect();
  }, options.timeoutMs);
  const giveUp = (): void => {
    client.disconnect();
  };
  options.signal?.addEventListener('abort', giveUp);
  try {
    await client.connect();
    // Answered after AUTH and SELECT: ioredis only reports a refused SELECT, and would go on with database 0.
    await client.ping().catch(unlessAnswered);
    if ((lastError as Error | null)?.name === 'ReplyError') throw lastError as unknown as Error;
  } catch (error) {
    client.disconnect();
    const told = (lastError as Error | null) ?? error;
    // ioredis adds the command, and with it the password, to what an application may print as the cause.
    if (told instanceof Error) delete (told as { command?: unknown }).command;
    throw told;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', giveUp);
  }
  const { stream } = client;
  // ioredis is owed nothing any more.
  stream.removeAllListeners('data');
  // A damaged record of TLS is told, and the socket left open for the next error, which nobody would listen to.
  stream.on('error', () => stream.destroy());
  let isOver = false;
  return {
    stream: stream,
    discard: () => {
      if (isOver) return;
      isOver = true;
      client.disconnect();
    },
  };
}

/** The clients with which ioredis listens to sentinels print their errors, as nobody listens to them. */
function hushSentinels(client: IoRedis): void {
  const { connector } = client as unknown as {
    readonly connector: { connectToSentinel?: (...args: unknown[]) => IoRedis };
  };
  const open = connector.connectToSentinel;
  if (!open) return;
  connector.connectToSentinel = (...args) => open.apply(connector, args).on('error', () => undefined);
}

/** A user who may not PING may still do what counts, and a server that cannot write to its disk (MISCONF) still answers reads. */
function unlessAnswered(error: unknown): void {
  const forbidden = error instanceof Error && error.message.startsWith('NOPERM');
  if (!forbidden && classify(error) !== 'reply') throw error;
}

function ownOptions({ name, timeoutMs }: OpenOptions): RedisOptions {
  return {
    lazyConnect: true,
    // A deadline that is over by now leaves nothing, or less; a socket takes no such timeout.
    connectTimeout: Math.max(1, Math.floor(timeoutMs)),
    disconnectTimeout: LINGER_MS,
    // RESP2: every reply shape used here is the same, and integers and doubles decode exactly.
    protocol: 2,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: true,
    // It takes INFO, and complains on stderr about users who may not; a server that is not ready says so to any command.
    enableReadyCheck: false,
    disableClientInfo: true,
    autoResubscribe: false,
    ...(name === undefined ? {} : { connectionName: clientName(name) }),
  };
}

function targetOptions(target: SentinelTarget, timeoutMs: number): RedisOptions {
  return {
    db: target.db,
    ...(target.username === undefined ? {} : { username: target.username }),
    ...(target.password === undefined ? {} : { password: target.password }),
    sentinels: [...target.instances],
    name: target.masterName,
    sentinelRetryStrategy: () => null,
    sentinelCommandTimeout: Math.min(timeoutMs, 1_000),
    // Without it a client stays on a demoted or frozen master for ten seconds or for ever.
    failoverDetector: true,
    ...(target.sentinelUsername === undefined ? {} : { sentinelUsername: target.sentinelUsername }),
    ...(target.sentinelPassword === undefined ? {} : { sentinelPassword: target.sentinelPassword }),
    ...(target.sentinelTls ? { enableTLSForSentinelMode: false, sentinelTLS: tlsOptions(target.sentinelTls) } : {}),
    ...(target.tls ? { enableTLSForSentinelMode: true, tls: tlsOptions(target.tls) } : {}),
  };
}
