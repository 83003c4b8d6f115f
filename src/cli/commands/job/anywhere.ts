import type { TsrqError } from '../../../errors.js';
import type { Redis } from '../../../redis/redis.js';
import { chosenConnections, isOutage, orOutage } from '../../connections.js';
import type { Cli } from '../../context.js';
import { printable } from '../../render/words.js';

/** What was found, and on which connection. */
export interface Found<T> {
  readonly redis: Redis;
  readonly value: T;
}

/**
 * Looks on all connections of the configuration. A connection that could not be reached is not asked again for what is looked for
 * next.
 */
export class Everywhere {
  readonly #cli: Cli;
  readonly #away = new Map<string, TsrqError>();

  constructor(cli: Cli) {
    this.#cli = cli;
  }

  /**
   * What `work` yields on the first connection where it is not null; null if there is none. Throws the outage where it may be on a
   * connection that could not be asked.
   */
  async find<T>(work: (redis: Redis) => Promise<T | null>): Promise<Found<T> | null> {
    for (const { name, target } of chosenConnections(await this.#cli.settings())) {
      if (this.#away.has(name)) continue;
      const redis = await this.#cli.connect(target);
      const value = await orOutage(work(redis));
      if (isOutage(value)) this.#away.set(name, value);
      else if (value !== null) return { redis, value };
    }
    const [outage] = this.#away.values();
    if (outage) throw outage;
    return null;
  }
}

/**
 * Finds a job after the other, and tells of each. `tell`: prints what was found, or that there is none, and returns it as `--json`
 * shows it. Prints that, and ends with the outage if one may be where none could be asked.
 */
export async function tellEach<T>(
  cli: Cli,
  ids: readonly string[],
  find: (redis: Redis, id: string) => Promise<T | null>,
  tell: (id: string, found: Found<T> | null) => Promise<object> | object,
): Promise<void> {
  const everywhere = new Everywhere(cli);
  const jobs: object[] = [];
  const unknown: string[] = [];
  let outage: TsrqError | null = null;
  for (const id of new Set(ids)) {
    const found = await orOutage(everywhere.find((redis) => find(redis, id)));
    if (isOutage(found)) {
      outage = found;
      unknown.push(id);
    } else jobs.push(await tell(id, found));
  }
  // Where nothing is known, the outage alone is told.
  const isPart = outage === null || jobs.length > 0;
  const reason = 'not found, and not every Redis could be asked';
  if (cli.json && isPart)
    cli.stdout.write(`${JSON.stringify({ jobs: [...jobs, ...unknown.map((id) => ({ id, done: false, reason }))] })}\n`);
  else if (isPart) for (const id of unknown) cli.stderr.write(`${printable(`tsrq: ${id}: ${reason}`)}\n`);
  if (outage) throw outage;
}
