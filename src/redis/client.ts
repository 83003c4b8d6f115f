import type { Redis as IoRedis, RedisOptions as AnyOptions } from 'ioredis';
import { classify } from './failure.js';
import type * as Module from './ioredis.js';
import type { RedisTarget } from './target.js';

/** Replies keep RESP2's shapes; that type parameter is not an option here. */
type RedisOptions = Omit<AnyOptions, 'replyMapping'>;

export interface OpenOptions {
  readonly name?: string;
  /** Milliseconds for connecting, logging in and the ready check together. */
  readonly timeoutMs: number;
  /** Gives up at once when it fires before the client is ready. */
  readonly signal?: AbortSignal;
  readonly onEnd?: (client: IoRedis) => void;
}

/** Loaded with the first connection: a module that only defines jobs does not pay for it. */
let ioredis: typeof Module | null = null;

/**
 * Opens an ioredis client that is ready for commands, or rejects. It never reconnects by itself and never re-sends:
 * whoever uses it throws it away when it fails (ioredis's own revival can wedge, and duplicates writes).
 */
export async function openClient(target: RedisTarget, options: OpenOptions): Promise<IoRedis> {
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
    discardClient(client);
    const told = (lastError as Error | null) ?? error;
    // ioredis adds the command, and with it the password, to what an application may print as the cause.
    if (told instanceof Error) delete (told as { command?: unknown }).command;
    throw told;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', giveUp);
  }
  const { stream } = client;
  // A damaged record of TLS is told, and the socket left open for the next error, which nobody would listen to.
  stream.on('error', () => stream.destroy());
  client.on('end', () => options.onEnd?.(client));
  return client;
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

/** An error reply, as ioredis tells it. */
export function replyError(message: string): Error {
  if (!ioredis) throw new Error('there is a reply, and ioredis is not loaded');
  return new (ioredis.ReplyError as new (message: string) => Error)(message);
}

/** Ends a client for good; what was in flight rejects. */
export function discardClient(client: IoRedis): void {
  // Every call that was in flight comes here.
  if (discarded.has(client)) return;
  discarded.add(client);
  client.removeAllListeners('end');
  client.disconnect();
}

const discarded = new WeakSet<IoRedis>();

function ownOptions({ name, timeoutMs }: OpenOptions): RedisOptions {
  return {
    lazyConnect: true,
    // A deadline that is over by now leaves nothing, or less; a socket takes no such timeout.
    connectTimeout: Math.max(1, Math.floor(timeoutMs)),
    // How long a server that is frozen may keep a connection, and with it the process, that was closed.
    disconnectTimeout: 250,
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

/** `CLIENT SETNAME` refuses spaces and control characters. */
const clientName = (name: string): string => name.replace(/[^\x21-\x7e]/g, '_');

function targetOptions(target: RedisTarget, timeoutMs: number): RedisOptions {
  const login: RedisOptions = { db: target.db };
  if (target.username !== undefined) login.username = target.username;
  if (target.password !== undefined) login.password = target.password;
  switch (target.kind) {
    case 'tcp':
      return { ...login, host: target.host, port: target.port, ...(target.tls ? { tls: target.tls } : {}) };
    case 'socket':
      return { ...login, path: target.path };
    case 'sentinel':
      return {
        ...login,
        sentinels: [...target.instances],
        name: target.masterName,
        sentinelRetryStrategy: () => null,
        sentinelCommandTimeout: Math.min(timeoutMs, 1_000),
        // Without it a client stays on a demoted or frozen master for ten seconds or for ever.
        failoverDetector: true,
        ...(target.sentinelUsername === undefined ? {} : { sentinelUsername: target.sentinelUsername }),
        ...(target.sentinelPassword === undefined ? {} : { sentinelPassword: target.sentinelPassword }),
        ...(target.sentinelTls ? { enableTLSForSentinelMode: false, sentinelTLS: target.sentinelTls } : {}),
        ...(target.tls ? { enableTLSForSentinelMode: true, tls: target.tls } : {}),
      };
  }
}
