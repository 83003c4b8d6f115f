import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import { clock } from '../../clock.js';
import { oldestAges } from '../../info/oldest.js';
import { parseDate } from '../../protocol/time.js';
import type { Redis } from '../../redis/redis.js';
import { VERSION } from '../../version.js';
import type { WorkerEvent } from '../../worker/events.js';
import type { RunningWorker } from '../../worker/start.js';
import { Counter, family, Histogram, type Labels, type Sample } from './text.js';

/** Seconds. */
const DURATIONS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 180, 600, 1_800, 3_600];
const WAITS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400];

/** A Redis that is asked at a scrape. */
export interface Source {
  /** What tells it from others. */
  readonly labels: Labels;
  readonly redis: Redis;
  readonly queues: readonly string[];
}

/** What a worker has seen, for Prometheus. Nothing is asked of Redis but at a scrape. */
export class WorkerMetrics {
  readonly #sources: readonly Source[];
  readonly #durations = new Histogram(DURATIONS);
  readonly #waits = new Histogram(WAITS);
  readonly #jobs = new Counter();
  readonly #abandoned = new Counter();
  readonly #losses = new Counter();
  readonly #delay: IntervalHistogram;
  #worker: RunningWorker | null = null;
  #rendering: Promise<string> | null = null;

  /** `sources`: for scrapes alone. */
  constructor(sources: readonly Source[]) {
    this.#sources = sources;
    for (const { labels } of sources) this.#losses.add(labels, 0);
    this.#delay = monitorEventLoopDelay({ resolution: 10 });
    this.#delay.enable();
  }

  lead(worker: RunningWorker): void {
    this.#worker = worker;
  }

  close(): void {
    this.#delay.disable();
  }

  /** `place`: which of several Redis servers it is about. */
  observe(event: WorkerEvent, place: string | null = null): void {
    if (event.type === 'job-started') {
      const enqueuedAtMs = event.enqueuedAt === null ? null : parseDate(event.enqueuedAt);
      // A retry has waited for its turn, not since it was enqueued first.
      if (enqueuedAtMs !== null && event.attempt === 1)
        this.#waits.observe(event.queue, Math.max(0, clock() - enqueuedAtMs) / 1_000);
    } else if (event.type === 'job-ended' && event.ending.state !== 'repeated') {
      this.#jobs.add({ queue: event.queue, outcome: event.ending.state });
      if (event.ending.state !== 'returned') this.#durations.observe(event.queue, event.seconds);
    } else if (event.type === 'abandoned') this.#abandoned.add({ queue: event.queue });
    else if (event.type === 'redis-lost') this.#losses.add(place === null ? {} : { connection: place });
  }

  /** Scrapes that come together are answered together. */
  render(): Promise<string> {
    this.#rendering ??= this.#render().finally(() => {
      this.#rendering = null;
    });
    return this.#rendering;
  }

  async #render(): Promise<string> {
    const [looks, measures] = await Promise.all([
      Promise.all(
        this.#sources.map(async ({ labels, redis, queues }) => ({
          labels,
          ages: await oldestAges(redis, queues).catch(() => null),
        })),
      ),
      this.#worker?.measure(),
    ]);
    const horses = measures?.horseBytes ?? [];
    const gauge = (name: string, help: string, value: number | undefined): string[] =>
      family(name, 'gauge', help, value === undefined ? [] : [[{}, value]]);
    const lines = [
      ...family('tsrq_build_info', 'gauge', 'Version of tsrq and Node', [
        [{ version: VERSION, node: process.versions.node }, 1],
      ]),
      ...family(
        'tsrq_redis_up',
        'gauge',
        '1 if Redis has answered this scrape',
        looks.map(({ labels, ages }): Sample => [labels, ages === null ? 0 : 1]),
      ),
      ...family('tsrq_redis_losses_total', 'counter', 'How often Redis has gone away', this.#losses.samples),
      ...family(
        'rq_queue_oldest_seconds',
        'gauge',
        'How long the job at the head of the queue has waited',
        looks.flatMap(({ labels, ages }) =>
          [...(ages ?? [])].map(([queue, age]): Sample => [{ ...labels, queue }, age]),
        ),
      ),
      ...this.#durations.lines('tsrq_job_duration_seconds', 'How long jobs ran'),
      ...this.#waits.lines('tsrq_job_wait_seconds', 'From the enqueueing of a job to its first start'),
      ...family('tsrq_jobs_total', 'counter', 'Jobs by how their run ended', this.#jobs.samples),
      ...family('tsrq_jobs_abandoned_total', 'counter', 'Jobs of dead workers taken care of', this.#abandoned.samples),
      ...gauge('tsrq_worker_slots', 'Jobs that may run at once', measures?.concurrency),
      ...gauge('tsrq_worker_running', 'Jobs that run', measures?.running),
      ...gauge('tsrq_worker_quiet', '1 while the worker takes no new jobs', measures && Number(measures.quiet)),
      ...gauge(
        'tsrq_fetch_lag_seconds',
        'How long the call for jobs that is under way has waited for Redis',
        measures?.fetchLagSeconds,
      ),
      ...family('tsrq_event_loop_delay_seconds', 'gauge', 'Since the last scrape', this.#delays()),
      ...gauge('tsrq_horses', 'Child processes that run jobs', measures && horses.length),
      ...gauge('tsrq_horse_memory_bytes', 'Resident memory of all child processes', measures && sum(horses)),
      ...gauge('tsrq_horse_memory_max_bytes', 'Resident memory of the largest', measures && Math.max(0, ...horses)),
      ...gauge('process_resident_memory_bytes', 'Resident memory of the worker', process.memoryUsage.rss()),
    ];
    return lines.map((line) => `${line}\n`).join('');
  }

  #delays(): Sample[] {
    const nanoseconds: [string, number][] = [
      ['0.5', this.#delay.percentile(50)],
      ['0.99', this.#delay.percentile(99)],
      ['1', this.#delay.max],
    ];
    const seen = this.#delay.count > 0;
    this.#delay.reset();
    return nanoseconds.map(([quantile, ns]) => [{ quantile }, seen ? ns / 1e9 : 0]);
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
