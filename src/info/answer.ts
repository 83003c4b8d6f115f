import type { Redis, RedisCommand, Reply } from '../redis/redis.js';

/** What Redis said to a command; an error stands for itself. */
export interface Answer {
  readonly command: RedisCommand;
  readonly reply: Reply | Error;
}

/** Holds 1,000 queues in one piece; Redis answers it in well under the time it takes to send. */
const PIPELINE = 20_000;

/** The answers to groups of commands, group by group, in one round trip. */
export async function ask(redis: Redis, groups: readonly (readonly RedisCommand[])[]): Promise<Answer[][]> {
  const commands = groups.flat();
  const answers: Answer[] = [];
  for (let from = 0; from < commands.length; from += PIPELINE) {
    const piece = commands.slice(from, from + PIPELINE);
    const replies = await redis.pipeline(piece);
    for (const [i, command] of piece.entries()) answers.push({ command, reply: replies[i] ?? null });
  }
  let at = 0;
  return groups.map((group) => answers.slice(at, (at += group.length)));
}

const KIND_BY_COMMAND: Readonly<Record<string, string>> = {
  LLEN: 'list',
  LINDEX: 'list',
  SMEMBERS: 'set',
  HGETALL: 'hash',
};

/** What is wrong with a key, in words; null for a good answer. */
export function errorOf({ command: [name, key], reply }: Answer): string | null {
  if (!(reply instanceof Error)) return null;
  if (reply.message.startsWith('WRONGTYPE'))
    return `key ${String(key)} holds no ${KIND_BY_COMMAND[name] ?? 'sorted set'}`;
  return `${name} ${String(key)}: ${reply.message}`;
}

/** The number that a text holds, or null. */
export function finite(text: string | null): number | null {
  const value = text === null || text.trim() === '' ? NaN : Number(text);
  return Number.isFinite(value) ? value : null;
}

export const numberOf = (reply: Reply | Error | undefined): number => (typeof reply === 'number' ? reply : 0);

export const secondsSince = (ms: number | null, timeMs: number): number | null =>
  ms === null ? null : Math.max(0, Math.round(timeMs - ms) / 1_000);

export function listOf(reply: Reply | Error | undefined): string[] {
  return Array.isArray(reply) ? reply.filter((item) => typeof item === 'string') : [];
}
