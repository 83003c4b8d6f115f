import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './redis.js';
import { RespItems } from './resp.js';

/** A relay between a client and a Redis that breaks the network between them. */
export interface Proxy {
  readonly port: number;
  readonly url: string;
  /** How many clients are connected. */
  connections(): number;
  /** From now on every chunk arrives `ms` later, in both directions; 0 ends it. */
  delay(ms: number): void;
  /** From now on at most so many bytes a second in each direction of each connection; null ends it. */
  throttle(bytesPerSecond: number | null): void;
  /**
   * The reply to the next command whose bytes hold `match` (in any case; any command without it) reaches nobody, and its connection is
   * cut: Redis has done it, the client cannot know. Resolves when that happened. With `times` it happens again to the next
   * ones. Not for connections that subscribe: what they receive answers no command.
   */
  dropReply(match?: string, times?: number): Promise<void>;
  /**
   * The n-th command from now on, of whatever connection, meets its fate, and its connection is cut: 'unsent', Redis never
   * sees it; 'unanswered', as with `dropReply`. Returns how to learn how many commands there were since.
   */
  failNth(n: number, fate: Fate): () => number;
  /** Connections stay, nothing moves any more. New ones are accepted, and hear nothing. */
  blackhole(): void;
  /** What the black hole held back moves on. */
  heal(): void;
  /** Resets every connection. New ones are accepted. */
  cut(): void;
  /** Resets every connection, new ones are refused. */
  refuse(): Promise<void>;
  /** Listens again on the same port. */
  accept(): Promise<void>;
  stop(): Promise<void>;
}

export type Fate = 'unsent' | 'unanswered';

interface Loss {
  readonly match: string | undefined;
  left: number;
  readonly done: () => void;
  /** What is to be lost instead if no reply comes to what was chosen. */
  readonly again?: Loss;
}

/** What is done to the traffic now; read anew for each chunk. */
interface Weather {
  delayMs: number;
  bytesPerSecond: number | null;
  open: Promise<void>;
  losses: Loss[];
  nth: { seen: number; readonly n: number; readonly fate: Fate } | null;
}

interface Link {
  readonly client: Socket;
  readonly redis: Socket;
}

export async function startProxy(targetPort: number): Promise<Proxy> {
  const weather: Weather = { delayMs: 0, bytesPerSecond: null, open: Promise.resolve(), losses: [], nth: null };
  const links = new Set<Link>();
  let heal = (): void => undefined;
  const cut = (): void => {
    for (const link of links) reset(link);
  };
  const listener = createServer((client) => {
    const link: Link = { client, redis: connect(targetPort, '127.0.0.1') };
    links.add(link);
    client.once('close', () => links.delete(link));
    relay(link, weather);
  });
  const own = await freePort();
  await listen(listener, own);
  const refuse = async (): Promise<void> => {
    const closed = new Promise((resolve) => listener.close(resolve));
    cut();
    await closed;
  };
  return {
    port: own,
    url: `redis://127.0.0.1:${own}/0`,
    connections: () => links.size,
    delay: (ms) => {
      weather.delayMs = ms;
    },
    throttle: (bytesPerSecond) => {
      weather.bytesPerSecond = bytesPerSecond;
    },
    dropReply: (match, times = 1) =>
      new Promise((done) => {
        weather.losses.push({ match, left: times, done });
      }),
    failNth: (n, fate) => {
      const nth = { seen: 0, n, fate };
      weather.nth = nth;
      return () => nth.seen;
    },
    blackhole: () => {
      heal();
      weather.open = new Promise((resolve) => {
        heal = resolve;
      });
    },
    heal: () => {
      heal();
    },
    cut,
    refuse,
    accept: () => listen(listener, own),
    stop: async () => {
      heal();
      await refuse();
    },
  };
}

const listen = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });

function reset({ client, redis }: Link): void {
  client.resetAndDestroy();
  redis.destroy();
}

function relay(link: Link, weather: Weather): void {
  const { client, redis } = link;
  for (const socket of [client, redis]) socket.setNoDelay(true).on('error', () => undefined);
  const commands = new RespItems();
  const replies = new RespItems();
  // One for each command that Redis has not answered yet: how its reply is lost, if it is.
  const unanswered: (Loss | undefined)[] = [];
  // A reply that never came was not lost: the next one is.
  client.once('close', () => {
    for (const loss of unanswered) if (loss?.again) weather.losses.unshift(loss.again);
  });

  const toRedis = lane(redis, weather);
  client.on('data', (chunk: Buffer) => {
    let begin = -commands.unfinished;
    for (const command of commands.push(chunk)) {
      const fate = takeFate(weather);
      if (fate === 'unsent') {
        toRedis.send(chunk.subarray(0, Math.max(0, begin)));
        toRedis.end(() => {
          reset(link);
        });
        return;
      }
      begin += command.length;
      unanswered.push(
        fate === 'unanswered' ? { match: undefined, left: 0, done: () => undefined } : takeLoss(weather, command),
      );
    }
    toRedis.send(chunk);
  });
  client.once('close', () => {
    toRedis.end(() => redis.end());
  });

  const toClient = lane(client, weather);
  redis.on('data', (chunk: Buffer) => {
    // Where in this chunk the next reply begins: before it, when it began in an earlier one.
    let begin = -replies.unfinished;
    for (const reply of replies.push(chunk)) {
      const loss = unanswered.shift();
      if (!loss) {
        begin += reply.length;
        continue;
      }
      // Its first half may have passed with an earlier chunk: a half is as lost as the whole.
      toClient.send(chunk.subarray(0, Math.max(0, begin)));
      toClient.end(() => {
        reset(link);
        loss.done();
      });
      return;
    }
    toClient.send(chunk);
  });
  // Through the lane: what Redis said before it closed arrives, and a black hole hides the closing too.
  redis.once('close', () => {
    toClient.end(() => client.destroy());
  });
}

function takeFate({ nth }: Weather): Fate | null {
  if (!nth) return null;
  nth.seen += 1;
  return nth.seen === nth.n ? nth.fate : null;
}

function takeLoss(weather: Weather, command: Buffer): Loss | undefined {
  const text = command.toString('latin1').toLowerCase();
  const found = weather.losses.find(({ match = '' }) => text.includes(match.toLowerCase()));
  if (!found) return undefined;
  found.left -= 1;
  const done = found.left > 0 ? (): void => undefined : found.done;
  if (found.left === 0) weather.losses = weather.losses.filter((loss) => loss !== found);
  return { ...found, done, again: { ...found, left: 1, done } };
}

/** One direction of one connection: chunks leave in the order they came, each not before its time. */
function lane(socket: Socket, weather: Weather): { send(chunk: Buffer): void; end(action: () => void): void } {
  let last: Promise<void> = Promise.resolve();
  let ended = false;
  const then = (action: () => void | Promise<void>): void => {
    const due = Date.now() + weather.delayMs;
    last = last.then(async () => {
      if (due > Date.now()) await sleep(due - Date.now());
      await weather.open;
      await action();
    });
  };
  return {
    send: (chunk) => {
      if (!ended && chunk.length > 0) then(() => write(socket, chunk, weather));
    },
    end: (action) => {
      if (ended) return;
      ended = true;
      then(action);
    },
  };
}

async function write(socket: Socket, chunk: Buffer, weather: Weather): Promise<void> {
  for (let start = 0; start < chunk.length && !socket.destroyed;) {
    const rate = weather.bytesPerSecond;
    const slice = chunk.subarray(start, rate === null ? undefined : start + Math.max(1, Math.ceil(rate / 20)));
    socket.write(slice);
    start += slice.length;
    if (rate !== null) await sleep((slice.length / rate) * 1_000);
  }
}
