import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis as IoRedis } from 'ioredis';
import { expect } from 'vitest';
import type { Redis } from '../../src/redis/redis.js';
import { keepResult } from './plan.js';
import { produce, type ProducerOptions } from './producer.js';
import type { Random } from './random.js';
import { settle } from './settle.js';
import { until } from '../support/rq.js';
import { judge, judgeCounters, type Blows, type Verdict } from './verdict.js';
import type { Staff } from './workers.js';

/** Where the handlers of the scenarios are. */
export const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));
export const QUEUES = ['high', 'default', 'low'] as const;

export interface Scenario {
  readonly name: string;
  readonly chance: Random;
  /** How long faults are made. */
  readonly seconds: number;
  readonly jobsPerSecond: number;
  readonly maxJobMs: number;
  readonly staff: Staff;
  /** Further workers on the same queues. */
  readonly others?: readonly Staff[];
  /** Where the producer enqueues. */
  readonly redis: Redis;
  /** A client of the server that has the truth at the end. */
  readonly client: () => Promise<IoRedis> | IoRedis;
  readonly kinds?: Pick<ProducerOptions, 'durable' | 'retries' | 'shareWithoutRetries'>;
  /** Makes one fault, and undoes it; returns what it was. */
  readonly fault: () => Promise<string> | string;
  /** Milliseconds between two faults. */
  readonly everyMs: number;
  readonly blows?: Partial<Blows>;
}

export interface Outcome extends Verdict {
  readonly refused: number;
  readonly faults: Readonly<Record<string, number>>;
}

/**
 * Enqueues while faults are made, waits until every job has ended, and compares Redis with the ledger of the handlers.
 * Workers that end by themselves, processes that stay behind and connections that leak are violations too.
 */
export async function play(scenario: Scenario): Promise<Outcome> {
  const { name, chance, seconds, staff } = scenario;
  const begun = Date.now();
  const dir = mkdtempSync(join(tmpdir(), `tsrq-chaos-${name}-`));
  try {
    const ledger = join(dir, 'ledger');
    await staff.ready();
    const jobs = { queues: QUEUES, ledger, chance, count: Math.round(seconds * scenario.jobsPerSecond), seconds };
    const producing = produce({ ...jobs, redis: scenario.redis, maxJobMs: scenario.maxJobMs, ...scenario.kinds });
    const faults = await torment(scenario);
    const { accepted, refused } = await producing;
    const teams = [staff, ...(scenario.others ?? [])];
    const blows: Blows = {
      workerKilledAt: (worker) =>
        teams.flatMap(({ members }) => members).find(({ name }) => name === worker)?.killedAt ?? null,
      processKilledAt: (pid) =>
        teams.map(({ killedHorses }) => killedHorses.get(pid)).find((at) => at !== undefined) ?? null,
      ...scenario.blows,
    };
    const client = await scenario.client();
    await settle(client, QUEUES, blows);
    const verdict = await judge(client, accepted, ledger, blows);
    if (!blows.excuse)
      verdict.violations.push(
        ...(await judgeCounters(
          client,
          staff.alive.map((member) => member.name),
          begun,
        )),
      );
    for (const team of teams) verdict.violations.push(...(await dismiss(team, client)));
    const outcome = { ...verdict, refused, faults };
    for (const violation of verdict.violations) console.log(`chaos: violation in ${name}: ${violation}`);
    keepResult(name, { ...outcome, violations: verdict.violations.length });
    expect(accepted.length).toBeGreaterThan(0);
    return outcome;
  } finally {
    for (const team of [staff, ...(scenario.others ?? [])]) team.killAll();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function torment({ seconds, everyMs, fault }: Scenario): Promise<Record<string, number>> {
  const faults: Record<string, number> = {};
  const end = Date.now() + seconds * 1_000;
  while (Date.now() < end) {
    const kind = await fault();
    faults[kind] = (faults[kind] ?? 0) + 1;
    await sleep(everyMs);
  }
  return faults;
}

/** Stops everybody; what is left of them then should not be. */
async function dismiss(staff: Staff, client: IoRedis): Promise<string[]> {
  const ends = await staff.stop();
  const violations = ends
    .filter(({ code }) => code !== 0)
    .map(({ code, stderr }) => `a worker stopped with ${code}: ${stderr.slice(-500)}`);
  violations.push(...staff.strange);
  violations.push(...(await staff.leaked()).map((pid) => `process ${pid} is left`));
  const names = new Set(staff.members.map((member) => member.name));
  const left = async (): Promise<string[]> => {
    const connections = String(await client.client('LIST')).split('\n');
    const owners = connections.map((line) => /\bname=(\S+)/.exec(line)?.[1] ?? '');
    return owners.filter((owner) => names.has(owner));
  };
  // What a proxy or the kernel still holds of a process that is gone is given a moment.
  const gone = until('their connections are gone', async () => (await left()).length === 0, 5_000);
  await gone.catch(async () => violations.push(...(await left()).map((owner) => `a connection of ${owner} is left`)));
  return violations;
}
