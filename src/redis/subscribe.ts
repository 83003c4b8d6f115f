import { setTimeout as sleep } from 'node:timers/promises';
import { withDeadline } from './deadline.js';
import { encode, ReplyError, ReplyReader } from './resp.js';
import { openSocket } from './open.js';
import type { OpenSocket } from './socket.js';
import type { RedisTarget } from './target.js';

const PING_EVERY_MS = 10_000;
const PING_DEADLINE_MS = 5_000;
const MAX_BACKOFF_MS = 2_000;

/**
 * Listens to a channel on a connection of its own, for ever: a broken or silent connection is replaced.
 * What is published while there is none is lost, as always with pub/sub. Resolves `ready` at the first subscription.
 */
export function subscribe(
  target: RedisTarget,
  options: { readonly channel: string; readonly name: string; readonly onMessage: (message: string) => void },
): { readonly ready: Promise<void>; close(): void } {
  const closing = new AbortController();
  let ear: Ear | null = null;
  let subscribed: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    subscribed = resolve;
  });

  const listen = async (): Promise<void> => {
    const opened = await openSocket(target, {
      name: options.name,
      timeoutMs: PING_DEADLINE_MS,
      signal: closing.signal,
    });
    ear = new Ear(opened, options.onMessage);
    if (closing.signal.aborted) return;
    await withDeadline(ear.ask('SUBSCRIBE', options.channel), PING_DEADLINE_MS);
    subscribed();
    while (!closing.signal.aborted) {
      await withDeadline(ear.ask('PING'), PING_DEADLINE_MS);
      // Nobody is deaf until the next ping because of a connection that is known to be gone, by whomever it was closed.
      await sleep(PING_EVERY_MS, undefined, { signal: ear.gone });
    }
  };

  const loop = async (): Promise<void> => {
    for (let failures = 0; !closing.signal.aborted; failures += 1) {
      const beganAt = performance.now();
      await listen().catch(() => undefined);
      ear?.close();
      ear = null;
      // It was a connection: the next one is not to wait for what went wrong before.
      if (performance.now() - beganAt > MAX_BACKOFF_MS) failures = 0;
      const delayMs = Math.min(MAX_BACKOFF_MS, 50 * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2);
      await sleep(delayMs, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  };

  void loop();
  return {
    ready,
    close: () => {
      closing.abort();
      ear?.close();
    },
  };
}

/** A connection on which messages come. */
class Ear {
  readonly #socket: OpenSocket;
  readonly #gone = new AbortController();
  #answered: { resolve(): void; reject(error: Error): void } | null = null;

  constructor(socket: OpenSocket, onMessage: (message: string) => void) {
    this.#socket = socket;
    const { stream } = socket;
    const reader = new ReplyReader({
      onReply: (reply) => {
        const [kind, , text] = reply as [unknown, unknown, unknown];
        if (kind === 'message') onMessage(String(text));
        else this.#settle(reply instanceof Error ? reply : null);
      },
      wantsText: () => true,
      toError: (message) => new ReplyError(message),
    });
    stream.on('data', (bytes: Buffer) => {
      try {
        reader.add(bytes);
      } catch {
        stream.destroy();
      }
    });
    const end = (): void => {
      this.#settle(new Error('Connection is closed.'));
      this.#gone.abort();
    };
    if (stream.destroyed) process.nextTick(end);
    else stream.once('close', end);
  }

  /** Fires when the connection is closed. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** One command, and its answer; none while another is under way. */
  ask(...words: readonly string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#answered = { resolve, reject };
      this.#socket.stream.write(encode(`*${words.length}\r\n`, words));
    });
  }

  close(): void {
    this.#socket.discard();
  }

  #settle(error: Error | null): void {
    const answered = this.#answered;
    this.#answered = null;
    if (error) answered?.reject(error);
    else answered?.resolve();
  }
}
