import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inflateSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runTsrq, startTsrq, type CliProcess } from '../support/cli.js';
import { freshRedis, type FreshRedis } from '../support/fresh-redis.js';
import { until } from '../support/rq.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let { server, client } = {} as FreshRedis;
freshRedis((fresh) => ({ server, client } = fresh));

let dir: string;
let running: CliProcess[] = [];
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsrq-test-cron-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});
afterEach(async () => {
  await server.kill('SIGCONT');
  for (const cron of running) cron.kill('SIGKILL');
  await Promise.all(running.map((cron) => cron.exited));
  running = [];
});

const write = (file: string, content: unknown): string => {
  writeFileSync(join(dir, file), typeof content === 'string' ? content : JSON.stringify(content));
  return file;
};
const start = async (file: string, ...args: string[]): Promise<CliProcess> => {
  const cron = startTsrq(['cron', file, ...args], { url: server.url, cwd: dir });
  running.push(cron);
  await cron.waitFor('Cron ');
  return cron;
};
const run = (...args: string[]) => runTsrq(['cron', ...args], { url: server.url, cwd: dir });
const ids = (queue: string): Promise<string[]> => client.lrange(`rq:queue:${queue}`, 0, -1);

const EACH_SECOND = [{ name: 'tick', function: 'a.b', queue: 'q', cron: '* * * * * *', args: [1], kwargs: { k: 2 } }];

describe('tsrq cron', () => {
  it('enqueues each occurrence, says so, and ends with exit 0 on SIGTERM', async () => {
    const cron = await start(write('tick.json', EACH_SECOND));
    await until('three jobs are there', async () => (await ids('q')).length >= 3);
    cron.kill('SIGTERM');
    const { code, stderr } = await cron.exited;
    expect(code).toBe(0);
    const lines = [...stderr.matchAll(/tick: a\.b on q, \* \* \* \* \* \* UTC: enqueued (\S+) for (\S+Z)/g)];
    expect(lines.map(([, id]) => id)).toEqual(await ids('q'));
    expect(new Set(lines.map(([, , moment]) => moment)).size).toBe(lines.length);
    expect(await client.hget(`rq:job:${lines[0]?.[1]}`, 'description')).toBe('a.b(1, k=2)');
    expect(await client.keys('rq:cron_scheduler*')).toEqual([]);
  });

  it('three at once enqueue each occurrence once, none is lost when one of them is killed', async () => {
    const file = write(
      'all.json',
      EACH_SECOND.map((entry) => ({ ...entry, missed: 'all' })),
    );
    const since = Math.floor(Date.now() / 1_000) - 5;
    await client.hset('rq:tsrq:cron:tick', 'what', 'a.b on q, * * * * * * UTC', 'done', since);
    const [first] = await Promise.all([start(file), start(file), start(file)]);
    await until('some are there', async () => (await ids('q')).length >= 7);
    first.kill('SIGKILL');
    const before = (await ids('q')).length;
    await until('more are there', async () => (await ids('q')).length >= before + 4);
    for (const cron of running) cron.kill('SIGINT');
    const ended = await Promise.all(running.map((cron) => cron.exited));
    expect(ended.slice(1).map(({ code }) => code)).toEqual([0, 0]);
    const done = Number(await client.hget('rq:tsrq:cron:tick', 'done'));
    expect((await ids('q')).length).toBe(done - since);
  });

  it('makes up for what was missed as each entry says', async () => {
    const daily = { function: 'a.b', cron: '0 0 * * *' };
    const policies = ['skip', 'once', 'all'];
    const now = Math.floor(Date.now() / 1_000);
    // The last midnight may just have been: an hour that has passed for more than a minute is named.
    const hour = (new Date((now - 120) * 1_000).getUTCHours() + 23) % 24;
    const entries = policies.map((missed) => ({
      ...daily,
      cron: `0 ${hour} * * *`,
      name: missed,
      queue: missed,
      missed,
      maxMissed: 3,
    }));
    for (const { name, queue, cron } of entries) {
      await client.hset(`rq:tsrq:cron:${name}`, 'what', `a.b on ${queue}, ${cron} UTC`, 'done', now - 10 * 86_400);
    }
    const cron = await start(write('missed.json', entries));
    await cron.waitFor(/skip: .* missed .*, skipped/);
    await until('all are made up for', async () => (await ids('all')).length === 3 && (await ids('once')).length === 1);
    expect(await ids('skip')).toEqual([]);
  });

  it('reads its file again on SIGHUP; a bad one is reported and changes nothing', async () => {
    const file = write('again.mjs', 'export default [{ name: "one", function: "a.b", queue: "one", interval: "1d" }]');
    const cron = await start(file);
    await until('it is there', async () => (await ids('one')).length === 1);
    write('again.mjs', 'export default [{ name: "one", function: "a.b", queue: "one" }, 5]');
    cron.kill('SIGHUP');
    await cron.waitFor('2 problems in the cron file again.mjs');
    await cron.waitFor('The former entries stay');
    write('again.mjs', 'export default [{ name: "two", function: "a.b", queue: "two", interval: "1d" }]');
    cron.kill('SIGHUP');
    await cron.waitFor('Reloaded again.mjs');
    await until('the new entry is there', async () => (await ids('two')).length === 1);
    expect(await ids('one')).toHaveLength(1);
  });

  it('leaves an entry alone that another file has taken over', async () => {
    const older = await start(write('older.json', EACH_SECOND));
    const [tick] = EACH_SECOND;
    await start(write('newer.json', [{ ...tick, cron: '0 0 1 1 *' }]));
    await older.waitFor('left to the process that has loaded this name as a.b on q, 0 0 1 1 * UTC');
  });

  it('goes on after Redis was away, and enqueues nothing twice', async () => {
    const cron = await start(write('tick.json', EACH_SECOND));
    await until('one is there', async () => (await ids('q')).length > 0);
    await server.kill('SIGTERM');
    await cron.waitFor('trying until it is back');
    await server.restart();
    await cron.waitFor('Redis is back');
    await until('more are there', async () => (await ids('q')).length > 1);
    cron.kill('SIGTERM');
    const { code, stderr } = await cron.exited;
    expect(code).toBe(0);
    const moments = [...stderr.matchAll(/enqueued \S+ for (\S+Z)/g)].map(([, at]) => at);
    expect(new Set(moments).size).toBe(moments.length);
  });

  it('ends while Redis does not answer', async () => {
    const cron = await start(write('tick.json', EACH_SECOND));
    await server.kill('SIGSTOP');
    await cron.waitFor('trying until it is back');
    cron.kill('SIGTERM');
    expect((await cron.exited).code).toBe(0);
  });

  it('exits 69 when Redis cannot be reached at the start', async () => {
    write('tick.json', EACH_SECOND);
    const args = ['cron', 'tick.json', '--connect-timeout', '0.5', '-u', 'redis://127.0.0.1:1'];
    expect(await runTsrq(args, { cwd: dir })).toMatchObject({ code: 69 });
  });

  it('reports what Redis refuses, goes on with the others, and tries again', async () => {
    await client.set('rq:queue:bad', 'no list');
    const entries = ['bad', 'good'].map((queue) => ({ name: queue, function: 'a.b', queue, interval: 3_600 }));
    const cron = await start(write('two.json', entries));
    await cron.waitFor(/bad: .* not enqueued, tried again each 5 s: .*is not a list/);
    await until('the other is there', async () => (await ids('good')).length === 1);
    await client.del('rq:queue:bad');
    await until('it is there', async () => (await ids('bad')).length === 1);
  });
});

describe('numbers beyond 2^53 in a cron file', () => {
  const entry =
    '"function": "a.b", "queue": "big", "cron": "* * * * * *", "args": [1234567890123456789], "kwargs": {"id": 9007199254740993}';

  it('are enqueued as they are written in JSON', async () => {
    const cron = await start(write('big.json', `[{ ${entry}, "meta": {"n": 12345678901234567890} }]`));
    await until('a job is there', async () => (await ids('big')).length > 0);
    cron.kill('SIGTERM');
    expect((await cron.exited).code).toBe(0);
    const [id = ''] = await ids('big');
    const data = (await client.hgetBuffer(`rq:job:${id}`, 'data')) as Buffer;
    expect(inflateSync(data).toString()).toBe('["a.b", null, [1234567890123456789], {"id": 9007199254740993}]');
    expect((await run('big.json', '--dry-run', '--json')).code).toBe(0);
  });

  it('are refused in YAML, whose reader rounds them', async () => {
    const { code, stderr } = await run(
      write('big.yaml', '- function: a.b\n  interval: 5\n  args: [1234567890123456789]\n'),
    );
    expect([code, stderr]).toEqual([6, expect.stringContaining('too large to be read from YAML')]);
  });
});

describe('tsrq cron --dry-run and --next', () => {
  it('print the next runs, in UTC and by the clocks of the zone, without Redis', async () => {
    const entries = [
      { function: 'a.b', cron: '30 3 1 7 *', timezone: 'Europe/Berlin' },
      { function: 'c.d', interval: '1d' },
    ];
    write('next.json', entries);
    const text = await runTsrq(['cron', 'next.json', '--next', '2', '-u', 'redis://127.0.0.1:1'], { cwd: dir });
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(
      /^a\.b on default, 30 3 1 7 \* Europe\/Berlin\n( {2}\d{4}-07-01T01:30:00Z {2}\d{4}-07-01 03:30:00 Europe\/Berlin\n){2}c\.d/,
    );
    const { stdout } = await run('next.json', '--dry-run', '--json');
    const { entries: shown } = JSON.parse(stdout) as { entries: { next: string[] }[] };
    expect(shown).toMatchObject([
      { function: 'a.b', timezone: 'Europe/Berlin' },
      { function: 'c.d', interval: 86_400 },
    ]);
    expect(shown.map(({ next }) => next.length)).toEqual([1, 1]);
    expect(await client.keys('*')).toEqual([]);
  });

  it.each([
    ['bad.json', '[{ "function": "a.b" "interval": 5 }]', 'bad.json cannot be read'],
    ['bad.yaml', 'jobs: [1\nb: 2', 'bad.yaml cannot be read'],
    ['bad.ts', 'throw new Error("no luck")', 'bad.ts cannot be read: no luck'],
    ['empty.mjs', 'export const other = 1', 'a cron file holds a list of entries'],
    [
      'functions.js',
      'export default [{ function: () => 1, interval: 5 }]',
      'functions.js cannot be read: () => 1 could not be cloned',
    ],
    ['exits.cjs', 'process.exit(0)', 'the module ended the process'],
    [
      'wrong.yaml',
      '- function: a.b\n  cron: "61 * * * *"',
      "jobs[0]: cron: '61 * * * *' is no cron expression: minute '61'",
    ],
  ])('exit 6 for a bad file: %s', async (file, content, message) => {
    const { code, stdout, stderr } = await run(write(file, content), '--dry-run');
    expect([code, stdout]).toEqual([6, '']);
    expect(stderr).toContain(message);
  });

  it('refuse queues of different Redis servers, as the real run does', async () => {
    const settings = { connections: { other: { url: 'redis://127.0.0.1:1' } }, queueConnections: { there: 'other' } };
    const config = write('two.config.json', settings);
    const entries = [
      { function: 'a.b', queue: 'here', interval: 5 },
      { function: 'a.b', queue: 'there', interval: 5 },
    ];
    const { code, stderr } = await run(write('two.json', entries), '--dry-run', '--config', config);
    expect([code, stderr]).toEqual([2, expect.stringContaining('the queues are on different connections')]);
  });

  it('read TypeScript', async () => {
    write(
      'typed.ts',
      'interface E { function: string; interval: number }\nexport default [{ function: "a.b", interval: 5 }] satisfies E[];',
    );
    expect((await run('typed.ts', '--dry-run')).stdout).toContain('a.b on default, every 5 s');
  });

  it.each(readdirSync(join(ROOT, 'examples')).filter((file) => file.startsWith('cron.')))(
    'read examples/%s',
    async (file) => {
      const { code, stdout, stderr } = await run(join(ROOT, 'examples', file), '--next', '3');
      expect(stderr).toBe('');
      expect(code).toBe(0);
      expect(stdout).toContain('nightly-report: app.report.build on low');
    },
  );
});
