import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type * as Library from '../../src/index.js';
import { startRedis, type TestRedis } from '../support/redis.js';

const FAMILY = fileURLToPath(new URL('../support/jobs/family.js', import.meta.url));

let server: TestRedis;
let app: Library.Tsrq;

beforeAll(async () => {
  server = await startRedis();
  // Child processes are started from the files that were built.
  const { Tsrq } = (await import(new URL('../../dist/app/bundle/index.js', import.meta.url).href)) as typeof Library;
  app = new Tsrq({ url: server.url });
});
afterAll(async () => {
  await app.close();
  await server.stop();
});

describe('a worker of the library', () => {
  it('runs jobs of a module in child processes, which enqueue others at its Redis', async () => {
    const made = await app.queue('q').enqueue('family.parent', [7]);
    expect(await app.worker('q', { jobs: FAMILY }).work()).toBe(true);
    expect(await made.waitForResult({ timeout: '1m' })).toBe('done');
    expect((await app.queue('children').jobs()).map(({ args }) => args)).toEqual([[7], [8]]);
  });
});
