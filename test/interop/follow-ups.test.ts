import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runTsrq } from '../support/cli.js';
import { rqEnvironment, startRq, type Rq } from '../support/python.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { expectSameKeys } from '../support/same-keys.js';
import { startWebServer } from '../support/web-server.js';

const JOBS = fileURLToPath(new URL('../support/jobs', import.meta.url));
const SERIALIZER = ['-S', 'rq.serializers.JSONSerializer'];
const environment = await rqEnvironment('2.10.0');

describe.skipIf(environment === null)('what follows the end of a job, by Python RQ 2.10 and by tsrq', () => {
  let theirs: TestRedis;
  let ours: TestRedis;
  /** At Python's own Redis, and at tsrq's: a Python producer of both. */
  let rq: Rq;
  let producer: Rq;

  const dir = mkdtempSync(join(tmpdir(), 'tsrq-test-follow-ups-'));

  beforeAll(async () => {
    [theirs, ours] = await Promise.all([startRedis(), startRedis()]);
    if (!environment) return;
    rq = startRq(environment, theirs.url);
    producer = startRq(environment, ours.url);
  });
  afterAll(async () => {
    await Promise.all([rq.stop(), producer.stop()]);
    await Promise.all([theirs.stop(), ours.stop()]);
    rmSync(dir, { recursive: true, force: true });
  });
  beforeEach(async () => {
    for (const server of [theirs, ours]) await server.client().flushall();
  });

  /** The same jobs, from Python, on both sides. */
  const enqueue = async (code: string): Promise<void> => {
    await Promise.all([rq.eval(code), producer.eval(code)]);
  };
  const burst = async (queue: string): Promise<void> => {
    expect((await rq.cli(['worker', '--burst', '--name', 'w', '-u', theirs.url, ...SERIALIZER, queue])).code).toBe(0);
    expect((await runTsrq(['worker', '--burst', '--name', 'w', queue], { url: ours.url, cwd: JOBS })).code).toBe(0);
  };

  it('a function that returns a Retry', async () => {
    await enqueue(`q('q').enqueue('pyjobs.again', 2, 0, job_id='over')
q('q').enqueue('pyjobs.again', 2, [40, 50], job_id='waits', failure_ttl=240)`);
    await burst('q');
    await expectSameKeys(theirs, ours, [
      'rq:job:over value result: "Unserializable return value" → absent',
      'rq:job:waits value result: "Unserializable return value" → absent',
      'rq:results:over ttl: null → 31536000',
    ]);
  });

  it('a job that is repeated', async () => {
    const [first, last] = ['times=2, interval=[60, 120]', 'times=1, interval=0'];
    await enqueue(`q('q').enqueue('pyjobs.echo', 1, job_id='slow', repeat=rq.Repeat(${first}), result_ttl=120)
q('q').enqueue('pyjobs.echo', 2, job_id='none', repeat=rq.Repeat(${last}), result_ttl=0)
q('q').enqueue('pyjobs.echo', job_id='fast', result_ttl=600, repeat=rq.Repeat(${last}))`);
    await burst('q');
    // Of tsrq's own; see the documents.
    await ours.client().del('rq:tsrq:enqueued:none');
    await expectSameKeys(theirs, ours, [
      'rq:job:fast value result: "[[], {}]" → absent',
      'rq:job:slow value result: "[[1], {}]" → absent',
    ]);
  });

  it('a repeated job enqueued by tsrq is stored as Python stores it', async () => {
    await rq.eval(`q('q').enqueue('pyjobs.echo', job_id='r', repeat=rq.Repeat(2, [60, 90]))
q('q').enqueue('pyjobs.echo', job_id='s', repeat=rq.Repeat(1), retry=Retry(2, [5], enqueue_at_front=True))`);
    const tsrq = async (...args: string[]): Promise<void> => {
      expect((await runTsrq(['enqueue', '-q', 'q', ...args, 'pyjobs.echo'], { url: ours.url, cwd: JOBS })).code).toBe(
        0,
      );
    };
    await tsrq('--job-id', 'r', '--repeat-times', '2', '--repeat-interval', '1m', '--repeat-interval', '90');
    await tsrq('--job-id', 's', '--repeat-times', '1', '--retry-max', '2', '--retry-interval', '5', '--retry-at-front');
    await expectSameKeys(theirs, ours, []);
  });

  it('callbacks, enqueued by tsrq, are stored as Python stores them, and Python calls them', async () => {
    const file = join(dir, 'by-python');
    await rq.eval(`q('q').enqueue('pyjobs.note', '${file}', 'x', job_id='a', on_success=rq.Callback('pyjobs.on_success'))
q('q').enqueue('pyjobs.note_badly', '${file}', job_id='b', on_failure=rq.Callback('pyjobs.on_failure', timeout=9), on_stopped=rq.Callback('pyjobs.on_success', timeout=9))`);
    const tsrq = async (...args: string[]): Promise<void> => {
      expect((await runTsrq(['enqueue', '-q', 'q', ...args], { url: ours.url, cwd: JOBS })).code).toBe(0);
    };
    await tsrq('--job-id', 'a', '--on-success', 'pyjobs.on_success', 'pyjobs.note', file, 'x');
    const more = ['--on-failure', 'pyjobs.on_failure', '--on-stopped', 'pyjobs.on_success', '--callback-timeout', '9'];
    await tsrq('--job-id', 'b', ...more, 'pyjobs.note_badly', file);
    await expectSameKeys(theirs, ours, []);
    expect((await producer.cli(['worker', '--burst', '-u', ours.url, ...SERIALIZER, 'q'])).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe('x\nsuccess a x\nfailure b no True\n');
  });

  it('callbacks of a Python producer are called by tsrq', async () => {
    const file = join(dir, 'by-tsrq');
    await producer.eval(`d = Queue('q', connection=r)
d.enqueue('pyjobs.note', '${file}', 'x', job_id='a', on_success=rq.Callback('pyjobs.on_success'))
d.enqueue('pyjobs.note_badly', '${file}', job_id='b', on_failure=rq.Callback('pyjobs.on_failure', timeout='1m'))`);
    expect((await runTsrq(['worker', '--burst', 'q'], { url: ours.url, cwd: JOBS })).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe('x\nsuccess a x\nfailure b no true\n');
  });

  it('webhooks are stored alike, and both send the same', async () => {
    const web = await startWebServer();
    const send = async (worker: () => Promise<{ code: number | null }>): Promise<unknown[]> => {
      web.requests.length = 0;
      expect((await worker()).code).toBe(0);
      return web.requests.map(({ method, path, body, headers }) => {
        const seen =
          body === '' ? '' : body.replace(/"\d{4}-[^"]*\+00:00"/g, '"<date>"').replace(/("exc_info": ").*"/, '$1"');
        return { method, path, seen, type: headers['content-type'], own: headers['x-own'] };
      });
    };
    const [a, b] = [`${web.url}/a`, `${web.url}/b?c=d`];
    await enqueue(`w = lambda s, **more: rq.Webhook('${a}', s, **more)
q('q').enqueue('pyjobs.echo', 'é', job_id='good', webhooks=[w('finished', method='POST', headers={'X-Own': 'h'}, timeout=7), w('failed')])
q('q').enqueue('pyjobs.bad', 'x', job_id='bad', webhooks=[w('finished'), w('failed', method='POST')])`);
    const byPython = await send(() => rq.cli(['worker', '--burst', '-u', theirs.url, ...SERIALIZER, 'q']));
    const byTsrq = await send(() => runTsrq(['worker', '--burst', 'q'], { url: ours.url, cwd: JOBS }));
    expect(byTsrq).toEqual(byPython);
    expect(byTsrq).toHaveLength(2);
    for (const server of [theirs, ours]) await server.client().flushall();
    await rq.eval(
      `q('q').enqueue('pyjobs.echo', job_id='c', webhooks=[rq.Webhook('${a}', 'finished', method='POST'), rq.Webhook('${b}', 'failed', method='POST')])`,
    );
    const options = ['--webhook-finished', a, '--webhook-failed', b, '--webhook-method', 'POST'];
    const args = ['enqueue', '-q', 'q', '--job-id', 'c', ...options, 'pyjobs.echo'];
    expect((await runTsrq(args, { url: ours.url, cwd: JOBS })).code).toBe(0);
    await expectSameKeys(theirs, ours, []);
    await web.stop();
  });

  it('every lifetime: of results, failures, waiting and running', async () => {
    const ends = ['pyjobs.echo', 'pyjobs.bad'].map((name) => {
      const letter = name === 'pyjobs.bad' ? 'f' : 's';
      return [0, -1, 120]
        .map(
          (ttl) =>
            `d.enqueue('${name}', 'x', job_id='${letter}${Math.abs(ttl)}', result_ttl=${ttl}, failure_ttl=${ttl})`,
        )
        .join('\n');
    });
    await enqueue(`d = q('q')
${ends.join('\n')}
d.enqueue('pyjobs.echo', job_id='endless', job_timeout=-1, result_ttl=600)
d.enqueue('pyjobs.echo', job_id='ttl', ttl=300, result_ttl=600)
d.enqueue('pyjobs.bad', 'x', job_id='retried', ttl=300, failure_ttl=240, retry=Retry(1))
d.enqueue('pyjobs.echo', job_id='repeated', ttl=300, result_ttl=120, repeat=rq.Repeat(1))
d.enqueue('pyjobs.bad', 'x', job_id='delayed', ttl=300, retry=Retry(1, 900))
q('other').enqueue('pyjobs.echo', job_id='waits', ttl=300)`);
    await burst('q');
    // What is not kept leaves nothing here but a mark of tsrq's own; RQ leaves an entry until its next cleaning.
    expect(await ours.client().zscore('rq:failed:q', 'f0')).toBeNull();
    await theirs.client().zrem('rq:failed:q', 'f0');
    await ours.client().del('rq:tsrq:enqueued:f0', 'rq:tsrq:enqueued:s0');
    await expectSameKeys(theirs, ours, [
      'rq:job:delayed ttl: 300 → null',
      'rq:job:delayed value retries_max: absent → "1"',
      'rq:job:delayed value retry_error_1: absent → "<error of an attempt>"',
      'rq:job:repeated value result: "[[], {}]" → absent',
      'rq:job:retried value retries_max: absent → "1"',
      'rq:job:retried value retry_error_1: absent → "<error of an attempt>"',
    ]);
  });

  it('attempts asked for in one language count in the other, and a pickled Retry is one to Python', async () => {
    await producer.eval(`Queue('q', connection=r).enqueue('pyjobs.again', 2, [0, 9], job_id='again')`);
    const attempt = async (): Promise<void> => {
      expect((await runTsrq(['worker', '--max-jobs', '1', 'q'], { url: ours.url, cwd: JOBS })).code).toBe(0);
    };
    const look = `from rq.job import Job
j = Job.fetch('again', connection=r)
l = j.latest_result()
result = [j.get_status().value, j.number_of_retries, l.type.name, repr(l.return_value)]`;
    const retry = 'Retry(max=2, interval=[0, 9], enqueue_at_front=False)';
    await attempt();
    expect(await producer.eval(look)).toEqual(['queued', 1, 'RETRIED', retry]);
    expect((await producer.cli(['worker', '--burst', '-u', ours.url, 'q'])).code).toBe(0);
    expect(await producer.eval(look)).toEqual(['scheduled', 2, 'RETRIED', retry]);
    const client = ours.client();
    await client.zadd('rq:scheduled:q', 1, 'again');
    expect((await runTsrq(['worker', '-b', '-s', 'q'], { url: ours.url, cwd: JOBS })).code).toBe(0);
    expect(await producer.eval(look)).toEqual(['failed', 2, 'MAX_RETRIES_EXCEEDED', retry]);
  });

  it('a back-off and a place at the front, enqueued by tsrq, are intervals to Python', async () => {
    const options = ['--retry-max', '3', '--retry-backoff', '40', '--retry-at-front'];
    const args = ['enqueue', '-q', 'q', '--job-id', 'b', ...options, 'pyjobs.bad', 'x'];
    expect((await runTsrq(args, { url: ours.url, cwd: JOBS })).code).toBe(0);
    expect((await producer.cli(['worker', '--burst', '-u', ours.url, ...SERIALIZER, 'q'])).code).toBe(0);
    const [intervals, front, status] = (await producer.eval(
      "j = job('b')\nresult = [j.retry_intervals, j.enqueue_at_front_on_retry, j.get_status().value]",
    )) as [number[], boolean, string];
    intervals.forEach((interval, i) => {
      expect(interval).toBeGreaterThanOrEqual(20 * 2 ** i);
      expect(interval).toBeLessThanOrEqual(40 * 2 ** i);
    });
    expect([intervals.length, front, status]).toEqual([3, true, 'scheduled']);
  });
});
