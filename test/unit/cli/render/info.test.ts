import { stripVTControlCharacters as strip } from 'node:util';
import { describe, expect, it } from 'vitest';
import { renderInfo, type InfoView } from '../../../../src/cli/render/info.js';
import { renderJson } from '../../../../src/cli/render/info-json.js';
import { renderPrometheus } from '../../../../src/cli/render/info-prometheus.js';
import { renderRaw } from '../../../../src/cli/render/info-raw.js';
import { widthOf } from '../../../../src/cli/render/words.js';
import type { QueueCounts, QueueInfo, Snapshot, Totals, WorkerInfo } from '../../../../src/info.js';

const NOW = Date.UTC(2026, 10, 21, 3, 42, 11);

const queue = (name: string, more: Partial<QueueCounts> = {}): QueueCounts => ({
  name,
  error: null,
  queued: 0,
  intermediate: 0,
  started: 0,
  abandoned: 0,
  paused: false,
  pausedForSeconds: null,
  finished: 0,
  failed: 0,
  deferred: 0,
  scheduled: 0,
  canceled: 0,
  oldestQueuedAtMs: null,
  oldestAgeSeconds: null,
  workers: [],
  ...more,
});

const worker = (name: string, more: Partial<WorkerInfo> = {}): WorkerInfo => ({
  name,
  error: null,
  gone: false,
  stale: false,
  hostname: 'box',
  ipAddress: '10.0.0.1:4711',
  pid: 42,
  state: 'idle',
  queues: ['high', 'low'],
  concurrency: null,
  quiet: false,
  stopping: false,
  currentJob: null,
  currentJobSeconds: null,
  running: [],
  successful: 0,
  failed: 0,
  workingSeconds: 0,
  version: '2.10.0',
  runtime: '3.11.2',
  birthMs: NOW - 60_000,
  heartbeatAgeSeconds: 3,
  ...more,
});

function snapshotOf(
  queues: readonly QueueInfo[],
  workers: readonly WorkerInfo[],
  more: Partial<Snapshot> = {},
): Snapshot {
  const sum = (count: Exclude<keyof Totals, 'queues' | 'workers'>): number =>
    queues.reduce((total, each) => total + (each.error === null ? each[count] : 0), 0);
  const totals: Totals = {
    queues: queues.length,
    workers: workers.length,
    queued: sum('queued'),
    started: sum('started'),
    abandoned: sum('abandoned'),
    finished: sum('finished'),
    failed: sum('failed'),
    deferred: sum('deferred'),
    scheduled: sum('scheduled'),
    canceled: sum('canceled'),
  };
  const base = {
    redis: 'redis://localhost:6379/0',
    timeMs: NOW,
    suspended: false,
    suspendedForSeconds: null,
    problems: [],
  };
  return { ...base, queues, workers, totals, ...more };
}

const VIEW: InfoView = { columns: 80, colour: false, queues: true, workers: true, byQueue: false, connection: null };
const render = (now: Snapshot, view: Partial<InfoView> = {}, previous: Snapshot | null = null): string[] =>
  renderInfo(now, previous, { ...VIEW, ...view });

const SAMPLE = snapshotOf(
  [
    queue('high', { queued: 3, started: 1, failed: 2, oldestAgeSeconds: 250, workers: ['w1'] }),
    queue('low', { queued: 27, finished: 120, scheduled: 4, oldestAgeSeconds: 7_300 }),
  ],
  [
    worker('w1', {
      state: 'busy',
      currentJob: 'j1',
      running: [{ id: 'j1', queue: 'high', seconds: 65, progress: null }],
      successful: 9,
      failed: 1,
    }),
    worker('w2'),
  ],
);

describe('renderInfo', () => {
  it('shows how far a running job is', () => {
    const running = [{ id: 'j1', queue: 'q', seconds: 1, progress: { percent: 42, text: 'half way' } }];
    const busy = snapshotOf([], [worker('w1', { state: 'busy', running })]);
    expect(render(busy).join('\n')).toContain('j1 42% half way');
  });

  it('shows queues with bars on RQ’s scale, ages in one figure, and totals', () => {
    expect(render(SAMPLE)).toEqual([
      'queue  queued              started  failed  finished  oldest  workers  scheduled',
      'high        3                    1       2         0      4m        1          0',
      'low        27  █████             0       0       120      2h        0          4',
      '2 queues, 30 jobs queued, 1 started, 2 failed',
      '',
      'worker  state  job  for  queues     done  failed  seen  worked  host  pid',
      'w1      busy   j1    1m  high, low     9       1    3s      0s  box    42',
      'w2      idle             high, low     0       0    3s      0s  box    42',
      '2 workers, 1 busy, 1 idle',
    ]);
  });

  it('shows every column where there is room for it', () => {
    const [head] = render(SAMPLE, { columns: 200 });
    expect(head?.split(/ {2,}/)).toEqual([
      'queue',
      'queued',
      'started',
      'failed',
      'finished',
      'oldest',
      'workers',
      'scheduled',
      'deferred',
      'canceled',
    ]);
  });

  it('drops the columns that matter least on a narrow screen', () => {
    expect(render(SAMPLE, { columns: 40 })).toEqual([
      'queue  queued            started  failed',
      'high        3                  1       2',
      'low        27  ████            0       0',
      '2 queues, 30 jobs queued, 1 started, 2 …',
      '',
      'worker  state  job  done  failed  seen',
      'w1      busy   j1      9       1    3s',
      'w2      idle           0       0    3s',
      '2 workers, 1 busy, 1 idle',
    ]);
  });

  it.each([1, 7, 20, 40, 80, 200])('never makes a line longer than %i columns', (columns) => {
    const long = 'a-very-long-name-'.repeat(12);
    const now = snapshotOf(
      [queue(long, { queued: 1e9 }), queue('日本語の列'.repeat(30)), { name: long, error: 'key x holds no list' }],
      [
        worker(long, {
          queues: [long],
          state: long,
          running: [{ id: long, queue: long, seconds: 1, progress: { percent: 42, text: long } }],
        }),
        worker('w', { error: long }),
      ],
      { suspended: true, problems: [long] },
    );
    for (const previous of [null, SAMPLE]) {
      for (const byQueue of [false, true]) {
        const lines = render(now, { columns, byQueue, colour: true, connection: long }, previous);
        expect(Math.max(...lines.map((line) => widthOf(strip(line))))).toBeLessThanOrEqual(columns);
      }
    }
  });

  it('cuts long names with an ellipsis and keeps the columns aligned', () => {
    const now = snapshotOf([queue('a-queue-with-a-long-name', { queued: 5 }), queue('日本', { queued: 6 })], []);
    const lines = render(now, { columns: 20, workers: false });
    expect(lines).toEqual([
      'queue         queued',
      'a-queue-wit…       5',
      '日本               6',
      '2 queues, 11 jobs q…',
    ]);
  });

  it('says so when there is nothing', () => {
    expect(render(snapshotOf([], []))).toEqual(['0 queues, 0 jobs queued', '', '0 workers']);
  });

  it('uses the singular for one', () => {
    const now = snapshotOf([queue('q', { queued: 1, abandoned: 1 })], [worker('w')]);
    const text = render(now).join('\n');
    expect(text).toContain('1 queue, 1 job queued\n1 job abandoned by dead workers');
    expect(text).toContain('1 worker, 1 idle');
  });

  it('shows what is wrong with a queue or a worker in its row, and the others', () => {
    const now = snapshotOf(
      [{ name: 'bad', error: 'key rq:queue:bad holds no list' }, queue('good', { queued: 1 })],
      [worker('odd', { error: 'key rq:worker:odd holds no hash' }), worker('w')],
    );
    const lines = render(now);
    expect(lines).toContain('bad    ! key rq:queue:bad holds no list');
    expect(lines.find((line) => line.startsWith('good'))).toMatch(/^good +1 /);
    expect(lines).toContain('odd     ! key rq:worker:odd holds no hash');
    expect(lines.find((line) => line.startsWith('w '))).toMatch(/^w +idle/);
  });

  it('calls a worker gone whose hash has expired, and lost one that has been silent too long', () => {
    const now = snapshotOf(
      [],
      [worker('a', { gone: true, stale: true, state: '?' }), worker('b', { stale: true, heartbeatAgeSeconds: 500 })],
    );
    const text = render(now).join('\n');
    expect(text).toMatch(/^a +gone/m);
    expect(text).toMatch(/^b +lost .* 8m/m);
  });

  it('announces a suspension and when it ends', () => {
    const [forever] = render(snapshotOf([], [], { suspended: true }));
    expect(forever).toBe('SUSPENDED until `tsrq resume`: no new jobs are started');
    const [limited] = render(snapshotOf([], [], { suspended: true, suspendedForSeconds: 239.4 }));
    expect(limited).toBe('SUSPENDED for another 4m: no new jobs are started');
  });

  it('counts throughput by the workers’ counters since the last look, also of workers born since then', () => {
    const before = snapshotOf(
      [queue('q', { queued: 10 })],
      [worker('old', { successful: 5, failed: 1 }), worker('reborn', { successful: 90 })],
    );
    const after = snapshotOf(
      [queue('q', { queued: 4 })],
      [
        worker('old', { successful: 8, failed: 2 }),
        worker('new', { successful: 2, birthMs: NOW + 500 }),
        worker('reborn', { successful: 4, birthMs: NOW + 600 }),
      ],
      { timeMs: NOW + 2_000 },
    );
    const lines = render(after, {}, before);
    expect(lines).toContain('1 queue, 4 jobs queued, 5.0 jobs/s (0.5 failing)');
    expect(lines[1]).toMatch(/^q +4 +█+ +-6 /);
  });

  it('shows only queues, only workers, or the workers of each queue', () => {
    expect(render(SAMPLE, { workers: false }).join('\n')).not.toContain('worker ');
    expect(render(SAMPLE, { queues: false })[0]).toMatch(/^worker/);
    expect(render(SAMPLE, { queues: false, byQueue: true })).toEqual([
      'high: w1 (busy)',
      'low:  –',
      '2 workers, 2 queues',
    ]);
  });

  it('fits into the rows there are, and says how many queues and workers are not shown', () => {
    const now = snapshotOf(
      Array.from({ length: 1_000 }, (_, i) => queue(`q${i}`)),
      Array.from({ length: 3 }, (_, i) => worker(`w${i}`)),
    );
    const lines = render(now, { rows: 23 });
    expect(lines).toHaveLength(23);
    expect(lines).toContain('… and 986 more queues');
    expect(lines.filter((line) => /^w\d/.test(line))).toHaveLength(3);
    expect(render(now, { rows: 4 })).toContain('1000 queues, 0 jobs queued');
  });

  it('lets no name steer the terminal', () => {
    const now = snapshotOf([queue('evil\x1b[2J\nname')], [worker('w\x07', { state: '\x1b]0;x\x07' })], {
      problems: ['\x1b[31m'],
    });
    expect(render(now).join('')).not.toMatch(/[\x00-\x1f\x7f]/);
  });

  it('colours only what it is asked to colour', () => {
    expect(render(SAMPLE).join('')).not.toContain('\x1b');
    expect(render(SAMPLE, { colour: true }).map(strip)).toEqual(render(SAMPLE));
  });
});

describe('renderRaw', () => {
  const view = { queues: true, workers: true, byQueue: false };

  it('leaves out, as RQ does, workers that are gone or listen on no queue that is shown', () => {
    const now = snapshotOf(
      [queue('q', { workers: ['w'] })],
      [worker('gone', { gone: true }), worker('other'), worker('w')],
    );
    expect(renderRaw(now, view)).toEqual([
      'queue q 0, 0 executing, 0 finished, 0 failed',
      'worker w (box 10.0.0.1:4711 42) idle high, low. jobs: 0 finished, 0 failed',
    ]);
  });

  it('prints None for what a worker does not tell', () => {
    const now = snapshotOf([], [worker('w', { hostname: null, ipAddress: null, pid: null, state: '?', queues: [] })]);
    expect(renderRaw(now, view)).toEqual(['worker w (None None None) ? . jobs: 0 finished, 0 failed']);
  });

  it('prints nothing for nothing', () => {
    expect(renderRaw(snapshotOf([], []), view)).toEqual([]);
  });
});

describe('renderJson', () => {
  it('has one shape for one and for several connections', () => {
    const one = JSON.parse(renderJson([{ connection: 'default', snapshot: SAMPLE }])) as Record<string, unknown>;
    const two = JSON.parse(
      renderJson([
        { connection: 'default', snapshot: SAMPLE },
        { connection: 'mail', snapshot: SAMPLE },
      ]),
    ) as {
      queues: { connection: string; name: string }[];
      totals: Totals;
    };
    expect(Object.keys(two)).toEqual(Object.keys(one));
    expect(two.queues.map((each) => `${each.connection} ${each.name}`)).toEqual([
      'default high',
      'default low',
      'mail high',
      'mail low',
    ]);
    expect(two.totals.queued).toBe(60);
  });

  it('gives a broken queue an error and no counts', () => {
    const now = snapshotOf([{ name: 'bad', error: 'key rq:queue:bad holds no list' }], []);
    const { queues } = JSON.parse(renderJson([{ connection: 'default', snapshot: now }])) as { queues: unknown[] };
    expect(queues).toEqual([{ connection: 'default', name: 'bad', error: 'key rq:queue:bad holds no list' }]);
  });
});

describe('renderPrometheus', () => {
  it('uses rq-exporter’s names and labels, escaped', () => {
    const now = snapshotOf(
      [queue('a"b\\c\nd', { queued: 3 })],
      [worker('w', { successful: 9, failed: 1, workingSeconds: 2.5 })],
    );
    const lines = renderPrometheus([{ connection: 'default', snapshot: now }]).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        '# TYPE rq_workers gauge',
        'rq_workers{name="w",queues="high,low",state="idle"} 1',
        '# TYPE rq_workers_success_total counter',
        'rq_workers_success_total{name="w",queues="high,low"} 9',
        'rq_workers_failed_total{name="w",queues="high,low"} 1',
        'rq_workers_working_time_total{name="w",queues="high,low"} 2.5',
        'rq_jobs{queue="a\\"b\\\\c\\nd",status="queued"} 3',
      ]),
    );
    expect(lines.at(-1)).toBe('');
  });

  it('declares each metric once for several connections, and tells them apart', () => {
    const text = renderPrometheus(['default', 'mail'].map((connection) => ({ connection, snapshot: SAMPLE })));
    expect(text.match(/# TYPE rq_jobs /g)).toHaveLength(1);
    expect(text).toContain('rq_jobs{connection="mail",queue="high",status="queued"} 3');
    const samples = text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.replace(/ \S+$/, ''));
    expect(new Set(samples).size).toBe(samples.length);
  });
});
