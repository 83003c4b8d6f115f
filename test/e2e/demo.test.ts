import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runTsrq } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';

let { server, client } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client } = fresh));

it('the demonstration shows the main job, and leaves the Redis of the user’s own configuration alone', async () => {
  const home = mkdtempSync(join(tmpdir(), 'tsrq-test-demo-'));
  mkdirSync(join(home, 'tsrq'));
  const settings = {
    connections: { mail: { url: server.url } },
    queueConnections: { high: 'mail' },
    connection: 'mail',
  };
  writeFileSync(join(home, 'tsrq', 'tsrq.config.json'), JSON.stringify(settings));
  const configured = await runTsrq(['config'], { env: { XDG_CONFIG_HOME: home }, cwd: '/' });
  expect(configured.stdout).toContain('mail');
  const { code, stdout } = await runTsrq(['demo'], { env: { XDG_CONFIG_HOME: home }, cwd: '/' });
  rmSync(home, { recursive: true, force: true });
  expect(stdout).toContain('Requeued 1 of 1 jobs');
  expect(code).toBe(0);
  expect(await client.dbsize()).toBe(0);
});
