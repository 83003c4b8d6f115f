import type { BufferReply, Redis, RedisCommand, Reply } from '../redis/redis.js';
import { classify, permissionError } from '../redis/failure.js';
import { script } from '../redis/scripts.js';

/** What Redis said to a command; an error stands for itself. */
export interface Answer {
  readonly command: RedisCommand;
  readonly reply: Reply | Error;
}

/** Commands in one piece: it holds 1,000 queues, and Redis answers it in well under the time it takes to send. */
const PIPELINE = 20_000;
/** From so many on a script runs them, so many in a call: that takes Redis a millisecond. */
const [MANY, IN_A_CALL] = [500, 250];

/** The answers to groups of commands that only read, group by group, in one round trip. */
export async function ask(redis: Redis, groups: readonly (readonly RedisCommand[])[]): Promise<Answer[][]> {
  const commands = groups.flat();
  const answers: Answer[] = [];
  for (let from = 0; from < commands.length; from += PIPELINE) {
    const piece = commands.slice(from, from + PIPELINE);
    const replies = await repliesTo(redis, piece);
    for (const [i, command] of piece.entries()) answers.push({ command, reply: replies[i] ?? null });
  }
  let at = 0;
  return groups.map((group) => answers.slice(at, (at += group.length)));
}

async function repliesTo(redis: Redis, commands: readonly RedisCommand[]): Promise<(Reply | Error)[]> {
  const told = commands.length < MANY ? null : await byScript(redis, commands);
  // An error that concerns more than its command is for the connection to tell, or to mend.
  const isTold = told?.every((reply) => !(reply instanceof Error) || classify(reply) === 'reply');
  return told !== null && isTold === true ? told : redis.pipeline(commands);
}

/** Null where scripts may not be run: who only looks need not be allowed them. */
async function byScript(redis: Redis, commands: readonly RedisCommand[]): Promise<(Reply | Error)[] | null> {
  if (withoutScripts.has(redis)) return null;
  const calls: Promise<(Reply | Error)[]>[] = [];
  for (let from = 0; from < commands.length; from += IN_A_CALL) {
    const words = JSON.stringify(commands.slice(from, from + IN_A_CALL));
    calls.push(redis.evaluate(script('ask'), [], [words]).then(readReplies));
  }
  try {
    return (await Promise.all(calls)).flat();
  } catch (error) {
    if (permissionError(error) === null) throw error;
    withoutScripts.add(redis);
    return null;
  }
}

const withoutScripts = new WeakSet<Redis>();

/** A reply as ask.lua tells it. */
type Told = string | number | false | Told[] | { readonly err?: string; readonly ok?: string };

const readReplies = (reply: BufferReply): (Reply | Error)[] => (JSON.parse(String(reply)) as Told[]).map(asReply);

function asReply(told: Told): Reply | Error {
  if (told === false) return null;
  if (Array.isArray(told)) return told.map((item) => asReply(item) as Reply);
  if (typeof told !== 'object') return told;
  return told.err === undefined ? (told.ok ?? []) : Object.assign(new Error(told.err), { name: 'ReplyError' });
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
