import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodePayload } from '../../src/protocol/payload.js';
import type { RunRequest } from '../../src/worker/horses/message.js';
import type { Performer, RunHandle, RunListener } from '../../src/worker/horses/performer.js';
import type * as Pool from '../../src/worker/horses/pool.js';
import { until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let pool: Performer;
/** What listeners were told: of whom, what. */
let told: string[] = [];
let warnings: string[] = [];
let dir: string;

/** As it is built: a horse is a program. */
async function makePool(jobFiles: string[] = [], more: { readonly loadSeconds?: number } = {}): Promise<void> {
  const built = (await import(new URL('../../dist/worker/horses/pool.js', import.meta.url).href)) as typeof Pool;
  pool = new built.HorsePool({
    sources: { jobFiles, roots: [JOBS], onlyRegistered: false },
    ...{ targets: [], jobsPerHorse: 1, maxJobsPerHorse: null, maxMemoryBytes: null, ...more },
    onStderr: (chunk) => process.stderr.write(chunk),
    note: () => Promise.resolve(),
    warn: (message) => warnings.push(message),
  });
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tsrq-test-pool-'));
  warnings = [];
  await makePool();
  await pool.start();
  told = [];
  // It becomes known that jobs are tiny.
  for (let i = 0; i < 40; i += 1) {
    perform(`warm ${i}`, 'where.pid', [0]);
    await until('it has ended', () => told.includes(`warm ${i}: performed`));
  }
  told = [];
});
afterEach(async () => {
  await pool.stop();
  rmSync(dir, { recursive: true, force: true });
});

function perform(name: string, functionName: string, args: unknown[]): RunHandle {
  const request: RunRequest = {
    ...{ id: name, executionId: name, queue: 'q', workerName: 'w', timeoutSeconds: 180, description: null },
    ...{ createdAt: null, enqueuedAt: null, retriesLeft: null, meta: null },
    data: encodePayload({ functionName, args, kwargs: {} }),
  };
  const listener: RunListener = {
    onBegun: () => told.push(`${name}: begun`),
    onCallback: () => undefined,
    onDone: (completion) => told.push(`${name}: ${completion.kind}`),
  };
  return pool.perform(request, listener);
}

it('the time of a job counts from where it begins, not from where it stands in line', async () => {
  const names = ['a', 'b', 'c', 'd'];
  for (const name of names) perform(name, 'where.pid', [0]);
  expect(told).toEqual(['a: begun']);
  await until('all have ended', () => names.every((name) => told.includes(`${name}: performed`)));
  for (const name of names) {
    expect(told.filter((what) => what.startsWith(name))).toEqual([`${name}: begun`, `${name}: performed`]);
  }
});

it('a job that is behind a busy one begins elsewhere, and its time counts from there', async () => {
  perform('busy', 'where.spin', [3_000]);
  perform('other', 'where.pid', [0]);
  await until('the other has ended', () => told.includes('other: performed'));
  expect(told).toEqual(['busy: begun', 'other: begun', 'other: performed']);
});

it('a job that is ended while it stands in line never begins', async () => {
  perform('busy', 'where.spin', [300]);
  perform('other', 'where.pid', [0]).kill();
  await until('both have ended', () => told.includes('busy: performed') && told.includes('other: died'));
  expect(told).not.toContain('other: begun');
});

it('whose code does not load ends, with its jobs, and says why', async () => {
  await pool.stop();
  const file = join(dir, 'hangs.mjs');
  writeFileSync(file, 'await new Promise(() => setInterval(() => {}, 1_000));');
  await makePool([file], { loadSeconds: 1 });
  expect(await pool.start()).toEqual(['the code of jobs has not loaded within 1 s']);
  perform('waits', 'where.pid', [0]);
  await until('it has ended', () => told.some((line) => line.startsWith('waits: died')));
});

describe('processes that end before they can run jobs', () => {
  const names = ['a', 'b', 'c'];
  let file: string;
  beforeEach(async () => {
    await pool.stop();
    file = join(dir, 'exits.mjs');
    writeFileSync(file, 'process.exit(3);');
    await makePool([file]);
  });

  it('are tried again: no job fails, and all are done when one starts', async () => {
    expect(await pool.start()).toEqual([]);
    for (const name of names) perform(name, 'where.pid', [0]);
    await until('that is told', () => warnings.length > 0);
    expect(warnings).toEqual([
      'a process that runs jobs could not be started: exited with code 3; jobs wait, and it is tried again',
    ]);
    writeFileSync(file, '');
    await until('all are done', () => names.every((name) => told.includes(`${name}: performed`)));
    expect(told.filter((line) => /died|unbegun/.test(line))).toEqual([]);
    expect(warnings.slice(1)).toEqual(['processes that run jobs can be started again']);
  });

  it('are given up after some time, and what waits comes back', { timeout: 60_000 }, async () => {
    await pool.start();
    for (const name of names) perform(name, 'where.pid', [0]);
    await until('all are back', () => told.length === 3, 40_000);
    expect(told.sort()).toEqual(names.map((name) => `${name}: unbegun`));
    expect(warnings.length).toBe(1);
  });

  it('hold up nothing that another can do', async () => {
    writeFileSync(file, '');
    await pool.start();
    perform('long', 'where.pid', [2_000]);
    await until('it has begun', () => told.includes('long: begun'));
    writeFileSync(file, 'process.exit(3);');
    for (const name of names) perform(name, 'where.pid', [0]);
    await until('all are done', () => names.every((name) => told.includes(`${name}: performed`)));
    expect(told).toContain('long: performed');
    expect(told.filter((line) => /died|unbegun/.test(line))).toEqual([]);
  });
});
