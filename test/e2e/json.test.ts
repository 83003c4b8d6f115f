import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Redis } from '../../src/redis/redis.js';
import { connect } from '../../src/redis/connect.js';
import { runTsrq, startTsrq, type CliProcess, type CliResult } from '../support/cli.js';
import { ConfigFolder } from '../support/config-folder.js';
import { DOCUMENTS, documentOf } from '../support/json/documents.js';
import { addOthers, runJobs } from '../support/json/rich-state.js';
import { freePort, startRedis, type TestRedis } from '../support/redis.js';
import { producerTo, put } from '../support/rq.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));

let server: TestRedis;
let redis: Redis;
let mail: Redis;
let worker: CliProcess;
let away: string;
/** Of the configuration with two connections, and of one whose second connection leads nowhere. */
const [both, half] = [new ConfigFolder(), new ConfigFolder()];

beforeAll(async () => {
  server = await startRedis();
  redis = producerTo(server.port);
  mail = connect({ kind: 'tcp', host: '127.0.0.1', port: server.port, db: 1 }, { role: 'producer' });
  away = `redis://127.0.0.1:${await freePort()}/0`;
  const config = (url: string): object => ({
    redis: { url: server.url },
    connections: { mail: url },
    queueConnections: { mail: 'mail' },
  });
  both.write('tsrq.config.json', config(server.url.replace(/0$/, '1')));
  both.write('cron.json', [
    { name: 'nightly', function: 'app.night', cron: '0 3 * * *', timezone: 'Europe/Berlin' },
    { function: 'app.often', interval: '5m', missed: 'all' },
  ]);
  half.write('tsrq.config.json', config(away));
  worker = startTsrq(['worker', '-n', 'w', '--isolation', 'none', '-C', '4', '--path', JOBS, 'work'], {
    url: server.url,
  });
  const client = server.client();
  await runJobs(redis, client, join(both.path, 'never'));
  await addOthers(redis, client);
  await put(mail, 'app.send', [], { queue: 'mail', id: 'posted', group: 'g' });
});
afterAll(async () => {
  worker.kill('SIGKILL');
  await worker.exited;
  redis.close();
  mail.close();
  await server.stop();
  for (const folder of [both, half]) folder.remove();
});

const tsrq = (line: string, cwd = both.path): Promise<CliResult> => runTsrq([...line.split(' '), '--json'], { cwd });

/** Fails unless the text is one document, and has every field that it should have, and no other. */
function check(name: string, text: string): void {
  const { error } = documentOf(name).schema.safeParse(JSON.parse(text));
  expect(error && `${z.prettifyError(error)}\n${text}`).toBeUndefined();
}

/** The document, the words of the command, its exit code. */
type Row = readonly [document: string, line: string, code: number];

const READING: readonly Row[] = [
  ['info', 'info', 0],
  ['queue-list', 'queue show waits broken nobody', 1],
  ['workers-list', 'workers list w py-1 ghost broken nobody', 1],
  ['job-list', 'job list --limit 0', 1],
  ['job-list', 'job list waits --limit 1', 0],
  [
    'job-show',
    'job show good bad retried big told runs waiting later behind called-off held-back py old silent posted nobody',
    1,
  ],
  ['job-wait', 'job wait --timeout 1 good bad called-off big runs nobody', 124],
  ['failures', 'failures', 1],
  ['group-list', 'group list', 0],
  ['group-show', 'group show g nobody', 1],
  ['doctor', 'doctor --deep', 1],
  ['health', 'health', 0],
  ['health', 'health --worker w', 0],
  ['health', 'health --worker py-1', 1],
  ['cron', 'cron cron.json --next 2', 0],
  ['config', 'config', 0],
  ['requeue', 'requeue --all --dry-run', 1],
  ['empty', 'empty waits --failed --queued --dry-run', 0],
  ['move', 'move waits other --queued --failed --dry-run', 0],
  ['clean', 'clean --all --dry-run', 1],
];

/** One after the other. */
const CHANGING: readonly Row[] = [
  ['workers-direct', 'workers quiet w py-1 ghost broken nobody', 1],
  ['workers-direct', 'workers resume w', 0],
  ['queue-pause', 'queue pause one two --duration 60', 0],
  ['queue-resume', 'queue resume one three', 0],
  ['enqueue', 'enqueue -q one a.b', 0],
  ['enqueue', 'enqueue -q one --schedule-in 60 a.b', 0],
  ['enqueue-wait', 'enqueue -q one a.b --wait=0', 124],
  ['move', 'move one two --scheduled', 0],
  ['move', 'queue move one two', 0],
  ['queue-compact', 'queue compact waits two', 0],
  ['queue-delete', 'queue delete two waits --yes', 1],
  ['job-end', 'job cancel still good nobody', 1],
  ['job-end', 'job stop runs good nobody', 1],
  ['job-end', 'job delete still nobody', 1],
  ['requeue', 'requeue bad good nobody', 1],
  ['requeue', 'job requeue retried --at-front', 0],
  ['requeue', 'requeue', 0],
  ['empty', 'empty broken waits', 1],
  ['group-delete', 'group delete g nobody', 1],
  ['clean', 'clean waits py', 0],
  ['doctor', 'doctor --fix --yes', 1],
  ['suspend', 'suspend --duration 60', 0],
  ['resume', 'resume', 0],
  ['enqueue-wait', 'enqueue -q work count.add :1 :2 --wait', 0],
];

it('no document is left out', () => {
  const checked = [...READING, ...CHANGING].map(([name]) => name);
  expect([...new Set([...checked, 'tail'])].sort()).toEqual(DOCUMENTS.map(({ name }) => name).sort());
});

describe.concurrent('reading, whatever there is', () => {
  it.each(READING)('%s: tsrq %s', async (name, line, expected) => {
    const { code, stdout } = await tsrq(line);
    expect(code).toBe(expected);
    check(name, stdout);
  });

  it('one document a line: tsrq info --interval', async () => {
    const running = startTsrq(['info', '--interval', '0.05', '--json'], { cwd: both.path });
    await running.waitFor(/\n.*\n/);
    running.kill('SIGINT');
    const { code, stdout } = await running.exited;
    expect(code).toBe(0);
    for (const line of stdout.trimEnd().split('\n')) check('info', line);
  });
});

describe.concurrent('when a command fails', () => {
  it.each([
    ...['info', 'job list', 'job show x', 'job wait x', 'group list', 'doctor', 'health', 'tail'],
    ...['requeue --all', 'requeue x', 'empty q', 'enqueue a.b'],
  ])('nothing is on stdout: tsrq %s, without Redis', async (line) => {
    expect(await tsrq(`${line} -u ${away}`)).toMatchObject({ code: 69, stdout: '' });
  });

  it.each([
    ['job list --state lost', 2],
    ['requeue x --connection nowhere', 6],
  ])('nothing is on stdout: tsrq %s', async (line, code) => {
    expect(await tsrq(line)).toMatchObject({ code, stdout: '' });
  });

  it.each([
    ['info', 'info'],
    ['doctor', 'doctor'],
    ['job-list', 'job list --limit 0'],
    ['requeue', 'requeue --all --dry-run'],
  ])('%s is whole when the second of two Redis servers is away: tsrq %s', async (name, line) => {
    const { code, stdout } = await tsrq(line, half.path);
    expect(code).toBe(69);
    check(name, stdout);
  });
});

describe('changing', () => {
  it('every document of what changes something has the fields it should have', async () => {
    const tail = startTsrq(['tail', '--json', '-i', '0.05'], { cwd: both.path });
    await tail.waitFor('watching');
    for (const [name, line, expected] of CHANGING) {
      const { code, stdout, stderr } = await tsrq(line);
      expect(code, `tsrq ${line}: ${stderr}`).toBe(expected);
      check(name, stdout);
    }
    await tail.waitFor('"finished"');
    tail.kill('SIGINT');
    const lines = (await tail.exited).stdout.trimEnd().split('\n');
    for (const line of lines) check('tail', line);
  });
});
