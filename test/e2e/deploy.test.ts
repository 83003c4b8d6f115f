import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cleanEnv, runTsrq, startTsrq } from '../support/cli.js';
import { deployDocuments, deployText, instruction } from '../support/deploy.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { freePort } from '../support/redis.js';

/** What examples/deploy says is done, as far as that is possible without containers: its commands, probes and settings. */

let { server, client } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client } = fresh));

interface Container {
  readonly args: string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly startupProbe: { readonly exec: { readonly command: string[] } };
  readonly livenessProbe: { readonly exec: { readonly command: string[] } };
}
interface Deployment {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data: Record<string, string>;
  readonly spec: {
    readonly template: {
      readonly spec: { readonly terminationGracePeriodSeconds: number; readonly containers: readonly Container[] };
    };
  };
}
interface Compose {
  readonly services: Record<string, { readonly command: string[]; readonly init: boolean }>;
}

const kubernetes = deployDocuments<Deployment>('kubernetes.yaml');
const [compose] = deployDocuments<Compose>('compose.yaml') as [Compose];
const named = (name: string): Deployment['spec'] =>
  kubernetes.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === name)!.spec;
const containerOf = (name: string): Container => named(name).template.spec.containers[0]!;
const settings = kubernetes.find(({ kind }) => kind === 'ConfigMap')!.data['tsrq.config.json'] ?? '';

/** A directory as that of the image: the command line lies where npm puts it. */
let dir: string;
let config: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsrq-test-deploy-'));
  config = join(dir, 'tsrq.config.json');
  mkdirSync(join(dir, 'node_modules', '.bin'), { recursive: true });
  const bin = fileURLToPath(new URL('../../bin/tsrq.js', import.meta.url));
  const script = `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`;
  writeFileSync(join(dir, 'node_modules', '.bin', 'tsrq'), script, { mode: 0o755 });
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** What a probe exits with, against this Redis. */
function probe(command: readonly string[], url = server.url): number | null {
  const [program = '', ...args] = command;
  const env = { ...cleanEnv(), TSRQ_REDIS_URL: url };
  return spawnSync(program, args, { cwd: dir, env, timeout: 20_000 }).status;
}

describe('the commands of the containers', () => {
  const commands: [string, string[]][] = [
    ['Dockerfile', instruction('CMD')],
    ...Object.entries(compose.services)
      .filter(([name]) => name !== 'redis')
      .map(([name, { command }]): [string, string[]] => [`compose.yaml, ${name}`, command]),
    ['kubernetes.yaml, worker', containerOf('tsrq-worker').args],
    ['kubernetes.yaml, scheduler', containerOf('tsrq-scheduler').args],
  ];

  it.each(commands)('of %s start, and end at SIGTERM with 0', async (_, args) => {
    const { redis: __, ...rest } = JSON.parse(settings) as { redis: unknown; worker: Record<string, unknown> };
    // The port of the metrics may be taken on this machine.
    writeFileSync(config, JSON.stringify({ ...rest, worker: { ...rest.worker, metrics: '127.0.0.1:0' } }));
    const started = startTsrq(args, { url: server.url, cwd: dir });
    await started.waitFor(args[0] === 'scheduler' ? /[Ss]cheduler/ : 'listening on');
    started.kill('SIGTERM');
    expect((await started.exited).code).toBe(0);
  });

  it('are run by no shell and no npm, under an init', () => {
    expect(instruction('ENTRYPOINT')).toEqual(['tini', '--', 'node_modules/.bin/tsrq']);
    expect(compose.services['worker']?.init).toBe(true);
  });
});

it('the settings of kubernetes.yaml are valid, and running jobs are ended before they are killed', async () => {
  const password = join(dir, 'password');
  writeFileSync(password, 'secret\n');
  writeFileSync(config, settings.replace('/run/secrets/tsrq/password', password));
  const { code, stdout, stderr } = await runTsrq(['config', '--json', '--config', config]);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).not.toBe('');
  const { shutdownTimeout } = (JSON.parse(settings) as { worker: { shutdownTimeout: number } }).worker;
  expect(named('tsrq-worker').template.spec.terminationGracePeriodSeconds).toBeGreaterThan(shutdownTimeout + 10);
  const { env } = containerOf('tsrq-worker');
  expect(env).toEqual([{ name: 'TSRQ_CONFIG', value: '/etc/tsrq/tsrq.config.json' }]);
});

it('the probes: not ready before the worker is; alive with it; dead without a sign of life, unless that is for Redis', async () => {
  rmSync(config, { force: true });
  const { startupProbe, livenessProbe } = containerOf('tsrq-worker');
  const [isReady, isAlive] = [startupProbe.exec.command, livenessProbe.exec.command];
  expect(instruction('HEALTHCHECK')).toEqual(isReady);
  expect(probe(isReady)).toBe(1);

  const worker = startTsrq(['worker', 'q'], { url: server.url, env: { TSRQ_NAME: '{host}' } });
  await worker.waitFor('listening on');
  expect([probe(isReady), probe(isAlive)]).toEqual([0, 0]);

  worker.kill('SIGKILL');
  await worker.exited;
  await client.hset(`rq:worker:${hostname()}`, 'last_heartbeat', new Date(Date.now() - 100_000).toISOString());
  expect([probe(isReady), probe(isAlive)]).toEqual([1, 1]);
  await client.config('SET', 'maxmemory', '1');
  expect([probe(isReady), probe(isAlive)]).toEqual([69, 0]);
  await client.config('SET', 'maxmemory', '0');
  expect(probe(isAlive, `redis://127.0.0.1:${await freePort()}`)).toBe(0);
});

it('the other files are YAML, and mean what Kubernetes knows', () => {
  const [hpa] = deployDocuments<{ kind: string; spec: { scaleTargetRef: { name: string } } }>('kubernetes-hpa.yaml');
  expect([hpa?.kind, hpa?.spec.scaleTargetRef.name]).toEqual(['HorizontalPodAutoscaler', 'tsrq-worker']);
  expect(kubernetes.map(({ kind }) => kind)).toEqual(['ConfigMap', 'Deployment', 'Deployment', 'PodDisruptionBudget']);
  for (const name of ['Dockerfile', 'compose.yaml', 'kubernetes.yaml']) expect(deployText(name)).not.toContain('npx');
});
