import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis as IoRedis } from 'ioredis';
import { discardClient, openClient } from './client.js';
import { withDeadline } from './deadline.js';
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
  let client: IoRedis | null = null;
  let subscribed: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    subscribed = resolve;
  });

  const listen = async (): Promise<void> => {
    const ended = new AbortController();
    const opened = await openClient(target, {
      name: options.name,
      timeoutMs: PING_DEADLINE_MS,
      signal: closing.signal,
      onEnd: () => ended.abort(),
    });
    client = opened;
    if (closing.signal.aborted) return;
    opened.on('message', (_channel: string, message: string) => {
      options.onMessage(message);
    });
    await withDeadline(opened.subscribe(options.channel), PING_DEADLINE_MS);
    subscribed();
    while (!closing.signal.aborted) {
      await withDeadline(opened.ping(), PING_DEADLINE_MS);
      // Nobody is deaf until the next ping because of a connection that is known to be gone.
      await sleep(PING_EVERY_MS, undefined, { signal: AbortSignal.any([closing.signal, ended.signal]) });
    }
  };

  const loop = async (): Promise<void> => {
    for (let failures = 0; !closing.signal.aborted; failures += 1) {
      const beganAt = performance.now();
      await listen().catch(() => undefined);
      // It was a connection: the next one is not to wait for what went wrong before.
      if (performance.now() - beganAt > MAX_BACKOFF_MS) failures = 0;
      if (client) discardClient(client);
      client = null;
      const delayMs = Math.min(MAX_BACKOFF_MS, 50 * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2);
      await sleep(delayMs, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  };

  void loop();
  return {
    ready,
    close: () => {
      closing.abort();
      if (client) discardClient(client);
    },
  };
}
