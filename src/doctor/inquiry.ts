import { permissionError } from '../redis/failure.js';
import type { Redis, RedisCommand, Reply } from '../redis/redis.js';
import type { CheckId } from './finding.js';

/** A command, and the checks that cannot be made without its answer. */
export interface Question {
  readonly command: RedisCommand;
  readonly checks: readonly CheckId[];
}

export type Answer = Reply | Error;

export const question = (command: RedisCommand, ...checks: CheckId[]): Question => ({ command, checks });

/** Holds every question about 1,000 queues in two pieces. */
const PIPELINE = 20_000;

/** How often pipelines are halved to find keys that are refused, before what is left of a piece counts as refused. */
const HALVINGS = 200;
/** After so many refused keys of one kind (`rq:job:…`) its others are not tried. */
const KEYS_OF_A_KIND = 3;

/** Asks one Redis, as a user who may not be allowed everything: what is refused is an answer, and costs a check, not all. */
export class Inquiry {
  /** Why checks could not be made, or not wholly. */
  readonly unseen = new Map<CheckId, string>();
  readonly #redis: Redis;
  /** By the first word of the command. */
  readonly #refused = new Map<string, Error>();
  /** By kind, the refusals of its keys. */
  readonly #refusedKeys = new Map<string, Error[]>();
  #halvings = HALVINGS;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** The answers in order, an error in its place, in one round trip (of 20,000 questions each). */
  async ask(questions: readonly Question[]): Promise<Answer[]> {
    const answers: Answer[] = [];
    for (let from = 0; from < questions.length; from += PIPELINE) {
      const piece = questions.slice(from, from + PIPELINE);
      const replies = await this.#send(piece.map(({ command }) => command));
      for (const [i, reply] of replies.entries()) {
        this.#note(piece[i], reply);
        answers.push(reply);
      }
    }
    return answers;
  }

  /** A key of a wrong type is a finding of its own; it hides nothing else. */
  #note(asked: Question | undefined, reply: Answer): void {
    if (!asked || !(reply instanceof Error) || reply.message.startsWith('WRONGTYPE')) return;
    for (const check of asked.checks) if (!this.unseen.has(check)) this.unseen.set(check, reply.message);
  }

  #refusalOf(command: RedisCommand): Error | undefined {
    const ofKind = this.#refusedKeys.get(kindOf(command)) ?? [];
    return this.#refused.get(wordOf(command)) ?? (ofKind.length >= KEYS_OF_A_KIND ? ofKind[0] : undefined);
  }

  #noteKey(command: RedisCommand, refusal: Error): void {
    this.#refusedKeys.set(kindOf(command), [...(this.#refusedKeys.get(kindOf(command)) ?? []), refusal]);
  }

  async #send(commands: readonly RedisCommand[]): Promise<Answer[]> {
    const refusals = commands.map((command) => this.#refusalOf(command));
    const allowed = commands.filter((_, i) => refusals[i] === undefined);
    const replies = allowed.length > 0 ? await this.#sendAllowed(allowed) : [];
    let at = 0;
    return refusals.map((refusal) => refusal ?? replies[at++] ?? null);
  }

  /** NOPERM ends a whole pipeline. It names the command, which is not sent again, or means a key: halves find it. */
  async #sendAllowed(commands: readonly RedisCommand[]): Promise<Answer[]> {
    try {
      return await this.#redis.pipeline(commands);
    } catch (error) {
      const refusal = permissionError(error);
      if (refusal === null) throw error;
      const word = /'(\w+)(?:\|\w+)?' command/.exec(refusal.message)?.[1]?.toUpperCase();
      if (word !== undefined && commands.some((command) => wordOf(command) === word)) {
        this.#refused.set(word, refusal);
        return this.#send(commands);
      }
      const [first] = commands;
      if (commands.length === 1 && first) this.#noteKey(first, refusal);
      if (commands.length === 1 || this.#halvings === 0) return commands.map(() => refusal);
      this.#halvings -= 1;
      const middle = Math.ceil(commands.length / 2);
      return [...(await this.#send(commands.slice(0, middle))), ...(await this.#send(commands.slice(middle)))];
    }
  }
}

const wordOf = ([name]: RedisCommand): string => name.toUpperCase();

/** `rq:job:` of `rq:job:1`. */
const kindOf = ([, key]: RedisCommand): string => /^\w+:\w+:?/.exec(String(key))?.[0] ?? '';
