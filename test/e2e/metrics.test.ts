import { execFile } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { processCli } from '../../src/cli/context.js';
import { buildProgram } from '../../src/cli/program.js';
import { runTsrq, startTsrq, type CliProcess } from '../support/cli.js';
import { deployDocuments } from '../support/deploy.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { freePort } from '../support/redis.js';
import { put, statusOf, until } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let { server, client, redis } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client, redis } = fresh));

let worker: CliProcess | null = null;
afterEach(async () => {
  worker?.kill('SIGKILL');
  await worker?.exited;
  worker = null;
});

const tsrq = (...args: string[]) => runTsrq(args, { url: server.url });

/** Starts a worker that serves its metrics; returns where. */
async function serve(...args: string[]): Promise<string> {
  const running = startTsrq(['worker', '--metrics', '127.0.0.1:0', '--path', JOBS, ...args], { url: server.url });
  worker = running;
  await running.waitFor('Metrics at ');
  return /http:\S+/.exec(running.stderr())?.[0] ?? '';
}

/** Where the metrics are written that are meant for that file. */
async function written(file: string): Promise<void> {
  expect(await tsrq('metrics', '--output', file)).toMatchObject({ code: 0, stdout: '', stderr: '' });
}

it('metrics for a link go where it leads, and what is no file stays what it is', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tsrq-test-metrics-'));
  try {
    const [real, link, pipe] = ['real.prom', 'link.prom', 'pipe'].map((name) => join(dir, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(real, '');
    symlinkSync(real, link);
    await written(link);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readFileSync(real, 'utf8')).toContain('tsrq_redis_up');
    await promisify(execFile)('mkfifo', [pipe]);
    const [text] = await Promise.all([readFile(pipe, 'utf8'), written(pipe)]);
    expect(text).toContain('tsrq_redis_up');
    expect(lstatSync(pipe).isFIFO()).toBe(true);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

const scrape = async (url: string): Promise<string> => (await fetch(url)).text();

/** The text format, as far as it is used here: what it cannot read is an error. */
function parse(text: string): { types: Map<string, string>; samples: Map<string, number> } {
  const types = new Map<string, string>();
  const samples = new Map<string, number>();
  expect(text.endsWith('\n')).toBe(true);
  for (const line of text.trimEnd().split('\n')) {
    const type = /^# TYPE (\S+) (gauge|counter|histogram)$/.exec(line);
    if (type) expect(types.has(type[1] ?? ''), line).toBe(false);
    if (type) types.set(type[1] ?? '', type[2] ?? '');
    if (line.startsWith('#')) continue;
    const [, sample = '', value] =
      /^([a-z_]+(?:\{(?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)*\})?) (-?[\d.e+-]+)$/.exec(line) ?? [];
    expect(value, line).toBeDefined();
    expect(samples.has(sample), line).toBe(false);
    samples.set(sample, Number(value));
  }
  return { types, samples };
}

describe('tsrq metrics', () => {
  it("prints rq-exporter's metrics and more, after one look at all queues", async () => {
    for (const queue of ['a', 'b']) await put(redis, 'a.b', [], { queue });
    const asked = async (): Promise<number> => {
      await client.config('RESETSTAT');
      expect((await tsrq('metrics')).code).toBe(0);
      const stats = await client.info('commandstats');
      return Number(/^cmdstat_time:calls=(\d+)/m.exec(stats)?.[1]);
    };
    expect(await asked()).toBe(1);
    const { types, samples } = parse((await tsrq('metrics')).stdout);
    expect(samples.get('rq_jobs{queue="a",status="queued"}')).toBe(1);
    expect(samples.get('tsrq_queue_jobs{queue="a",status="canceled"}')).toBe(0);
    expect(samples.get('tsrq_redis_up')).toBe(1);
    for (const name of ['rq_workers', 'rq_workers_success_total', 'rq_workers_failed_total', 'rq_jobs']) {
      expect(types.has(name), name).toBe(true);
    }
  });

  it('writes a file in one go, also that Redis is away, and leaves nothing else behind', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tsrq-test-metrics-'));
    const file = join(dir, 'tsrq.prom');
    writeFileSync(file, 'old');
    expect(await tsrq('metrics', '--output', file)).toMatchObject({ code: 0, stdout: '' });
    expect(parse(readFileSync(file, 'utf8')).samples.get('tsrq_redis_up')).toBe(1);
    const away = await runTsrq(['metrics', '-o', file], { url: `redis://127.0.0.1:${await freePort()}` });
    expect(away.code).toBe(69);
    expect(parse(readFileSync(file, 'utf8')).samples.get('tsrq_redis_up')).toBe(0);
    expect(readdirSync(dir)).toEqual(['tsrq.prom']);
    expect((await tsrq('metrics', '-o', join(dir, 'none', 'x'))).code).toBe(2);
    expect(existsSync(join(dir, 'none'))).toBe(false);
    rmSync(dir, { recursive: true });
  });
});

describe('tsrq worker --metrics', () => {
  it.each(['process', 'none'])(
    'counts jobs by outcome, how long they ran and waited (--isolation %s)',
    async (isolation) => {
      const url = await serve('--isolation', isolation, '-C', '2', '-n', 'w', 'q', 'low');
      const ids = [
        await put(redis, 'count.words', ['a b'], { queue: 'q' }),
        await put(redis, 'count.boom', ['x'], { queue: 'q', retry: { max: 1 } }),
      ];
      await until('they have ended', async () => {
        const statuses = await Promise.all(ids.map((id) => statusOf(client, id)));
        return statuses.join() === 'finished,failed';
      });
      let text = '';
      await until('it is counted', async () => (text = await scrape(url)).includes('outcome="failed"'));
      const { types, samples } = parse(text);
      for (const outcome of ['finished', 'retried', 'failed']) {
        expect(samples.get(`tsrq_jobs_total{queue="q",outcome="${outcome}"}`), outcome).toBe(1);
      }
      expect(types.get('tsrq_job_duration_seconds')).toBe('histogram');
      expect(samples.get('tsrq_job_duration_seconds_count{queue="q"}')).toBe(3);
      expect(samples.get('tsrq_job_duration_seconds_bucket{queue="q",le="+Inf"}')).toBe(3);
      // A retry has waited for its turn, not since it was enqueued.
      expect(samples.get('tsrq_job_wait_seconds_count{queue="q"}')).toBe(2);
      expect(samples.get('tsrq_worker_slots')).toBe(2);
      expect(samples.get('tsrq_worker_running')).toBe(0);
      expect(samples.get('rq_queue_oldest_seconds{queue="low"}')).toBe(0);
      expect(samples.get('tsrq_redis_up')).toBe(1);
      expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(1e6);
      if (isolation === 'process') expect(samples.get('tsrq_horses')).toBeGreaterThan(0);
      else expect(samples.get('tsrq_horses')).toBe(0);
      const buckets = [...samples].filter(([name]) => name.startsWith('tsrq_job_duration_seconds_bucket'));
      expect(buckets.map(([, value]) => value)).toEqual(buckets.map(([, value]) => value).sort((a, b) => a - b));
    },
  );

  it('answers while Redis is away, and while its worker is quiet', async () => {
    const url = await serve('q');
    worker?.kill('SIGTSTP');
    await worker?.waitFor('Quiet');
    await put(redis, 'count.words', ['a'], { queue: 'q' });
    const { samples } = parse(await scrape(url));
    expect(samples.get('tsrq_worker_quiet')).toBe(1);
    // A wait that was under way may have moved it, and puts it back.
    const oldest = async () => parse(await scrape(url)).samples.get('rq_queue_oldest_seconds{queue="q"}') ?? 0;
    await until('its age is told', async () => (await oldest()) > 0);
    await server.kill('SIGTERM');
    await until('it is seen', async () => (await scrape(url)).includes('tsrq_redis_up 0\n'));
    await until('the loss is counted', async () => (await scrape(url)).includes('tsrq_redis_losses_total 1\n'));
    await server.restart();
    await until('it is back', async () => (await scrape(url)).includes('tsrq_redis_up 1\n'));
  });

  it('shows the memory of child processes, and that those a smaller worker has no use for are gone', async () => {
    const url = await serve('-C', '3', '-n', 'w', 'q');
    for (let i = 0; i < 3; i += 1) await put(redis, 'count.sleep', [60_000], { queue: 'q' });
    const sample = async (name: string) => parse(await scrape(url)).samples.get(name) ?? 0;
    await until('three run', async () => (await sample('tsrq_worker_running')) === 3);
    await until('each has a process', async () => (await sample('tsrq_horses')) === 3);
    if (process.platform === 'linux') expect(await sample('tsrq_horse_memory_bytes')).toBeGreaterThan(3e6);
    expect((await tsrq('workers', 'scale', 'w', '-C', '1')).code).toBe(0);
    expect(await sample('tsrq_worker_running')).toBe(3);
    expect((await tsrq('workers', 'kill-job', 'w')).code).toBe(0);
    await until('none runs', async () => (await sample('tsrq_worker_running')) === 0);
    const id = await put(redis, 'count.words', ['a b'], { queue: 'q' });
    await until('it has run', async () => (await statusOf(client, id)) === 'finished');
    await until('one process is left', async () => (await sample('tsrq_horses')) === 1);
  });

  it('serves nothing else, and refuses an address that it cannot listen on before it takes a job', async () => {
    const url = await serve('-n', 'w', 'q');
    expect((await fetch(url.replace('/metrics', '/'))).status).toBe(404);
    expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(405);
    const { host } = new URL(url);
    for (const where of [host, '9300', 'host', '127.0.0.1:99999', '192.0.2.1:0']) {
      const { code, stderr } = await tsrq('worker', '--burst', '--metrics', where, 'q');
      expect([code, stderr.startsWith('tsrq: --metrics')], `${where}: ${stderr}`).toEqual([2, true]);
    }
    expect(await client.smembers('rq:workers')).toEqual(['rq:worker:w']);
  });

  it('ends with its worker', async () => {
    const url = await serve('q');
    worker?.kill('SIGTERM');
    expect((await worker?.exited)?.code).toBe(0);
    await expect(scrape(url)).rejects.toThrow();
  });
});

/** What can be asked for: the labels of each metric, as far as it has samples. */
async function knownMetrics(): Promise<Map<string, Set<string>>> {
  const url = await serve('-n', 'w', 'q');
  const id = await put(redis, 'count.boom', ['x'], { queue: 'q' });
  await until('it has failed', async () => (await statusOf(client, id)) === 'failed');
  await until('it is counted', async () => (await scrape(url)).includes('outcome="failed"'));
  const all = `${await scrape(url)}${(await tsrq('metrics')).stdout}`;
  const known = new Map<string, Set<string>>();
  for (const [, name = ''] of all.matchAll(/^# TYPE (\S+)/gm)) known.set(name, new Set());
  for (const [, name = '', labels = ''] of all.matchAll(/^([a-z_]+)(?:\{(.*)\})? \S+$/gm)) {
    known.set(name, new Set([...labels.matchAll(/([a-z]+)="/g)].map(([, label = '']) => label)));
  }
  return known;
}

/** Checks that an expression asks for metrics that exist, by labels that they have; returns their names. */
function expectKnown(expr: string, known: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const names = [...expr.matchAll(/\b(?:rq|tsrq|process)_[a-z_]+/g)].map(([name]) => name);
  expect(names.length, expr).toBeGreaterThan(0);
  const labels = names.map((name) => known.get(name));
  expect(labels, expr).not.toContain(undefined);
  const asked = [...expr.matchAll(/(\w+)=~?"/g), ...expr.matchAll(/by \((\w+)(?:, (\w+))?\)/g)];
  for (const label of asked.flatMap(([, ...found]) => found).filter(Boolean)) {
    // Prometheus adds `instance`; families without samples here show no labels.
    const isThere = labels.some((have) => have?.size === 0 || have?.has(label ?? ''));
    expect(label === 'instance' || isThere, `${label} of ${expr}`).toBe(true);
  }
  return names;
}

it('the dashboard and the alerts of examples/ ask for metrics that exist, by labels that they have', async () => {
  const known = await knownMetrics();
  const dashboard = JSON.parse(
    readFileSync(new URL('../../examples/grafana-dashboard.json', import.meta.url), 'utf8'),
  ) as {
    panels: { title: string; targets: { expr: string; legendFormat: string }[] }[];
  };
  const used = new Set<string>();
  for (const { title, targets } of dashboard.panels) {
    expect(targets.length, title).toBeGreaterThan(0);
    for (const { expr } of targets) for (const name of expectKnown(expr, known)) used.add(name);
  }
  expect(used.size).toBeGreaterThan(10);

  const [alerts] = deployDocuments<{ groups: { rules: Rule[] }[] }>('alerts.yaml');
  const rules = alerts?.groups.flatMap((group) => group.rules) ?? [];
  expect(rules.length).toBeGreaterThan(10);
  for (const { alert, expr, labels, annotations } of rules) {
    expectKnown(expr, known);
    expect(['page', 'ticket'], alert).toContain(labels.severity);
    const [program, name = '', ...rest] = annotations.type.split(' ');
    const { commands } = await buildProgram([name], processCli());
    const command = commands.find((one) => one.name() === name);
    expect([program, command?.parseOptions(rest).unknown], alert).toEqual(['tsrq', []]);
  }
});

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly type: string };
}
