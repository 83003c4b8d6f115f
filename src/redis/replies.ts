import { classify } from './failure.js';
import type { BufferReply, RedisArg, Script } from './redis.js';

/** Runs a script by its digest, then by its text if Redis does not know it. `send`: one command, with bytes as replies. */
export function evaluateOn(
  send: (name: string, args: RedisArg[]) => Promise<BufferReply>,
  script: Script,
  rest: readonly RedisArg[],
): Promise<BufferReply> {
  return send('evalsha', [script.sha, ...rest]).catch((error: unknown) => {
    if (!isUnknown(error)) throw error;
    return send('eval', [script.source, ...rest]);
  });
}

/** Redis does not know the script by its digest. */
export const isUnknown = (reply: unknown): boolean => reply instanceof Error && reply.message.startsWith('NOSCRIPT');

/** A reply, or an error reply; throws what concerns the connection. */
export function orThrow<T>(reply: T): T {
  if (reply instanceof Error && classify(reply) !== 'reply') throw reply;
  return reply;
}

/** All replies in order; an error reply in its place, anything that concerns the connection as a rejection. */
export async function all<T>(replies: readonly Promise<T>[]): Promise<(T | Error)[]> {
  const settled = await Promise.allSettled(replies);
  return settled.map((outcome) => {
    if (outcome.status === 'fulfilled') return outcome.value;
    if (classify(outcome.reason) !== 'reply') throw outcome.reason;
    return outcome.reason as Error;
  });
}
