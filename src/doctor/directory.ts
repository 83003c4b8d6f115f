import { finite, listOf, numberOf } from '../info/answer.js';
import {
  betweenKeys,
  PAUSED_KEY,
  queueKey,
  queueOfKey,
  queueWorkersKey,
  QUEUES_KEY,
  REGISTRIES,
  registryKey,
  schedulerLockKey,
  SUSPENDED_KEY,
  workerKey,
  workerOfKey,
  WORKERS_KEY,
  type RegistryName,
} from '../protocol/keys.js';
import { readPaused } from '../queue/pause.js';
import { question, type Answer, type Inquiry, type Question } from './inquiry.js';
import { readPages, setPages } from './pages.js';

/** A key, what RQ has there, and what is there. */
export interface TypedKey {
  readonly key: string;
  readonly wanted: string;
  /** Null where it could not be looked at. */
  readonly type: string | null;
}

export interface WorkerFacts {
  /** Its hash is there, and does not tell of its death. */
  readonly live: boolean;
  /** Its hash is gone. */
  readonly ghost: boolean;
  readonly python: boolean;
  /** Told to take no new jobs. */
  readonly quiet: boolean;
  readonly queues: readonly string[];
}

export interface QueueFacts {
  readonly name: string;
  readonly keys: readonly TypedKey[];
  /** By list and registry, of the keys that have the right type. */
  readonly lengths: Readonly<Record<'queue' | 'intermediate' | 'moved' | RegistryName, number>>;
  /** Executions whose lease is over; over for long; and since when the first of them, in seconds. */
  readonly over: number;
  readonly longOver: number;
  readonly oldestOverSeconds: number;
  /** Scheduled jobs that should have been moved a while ago. */
  readonly overdue: number;
  readonly hasScheduler: boolean;
  /** Entries of finished and failed jobs whose time has been over for long. */
  readonly expired: number;
  readonly workers: readonly string[];
}

export interface Directory {
  /** Milliseconds; -1 for ever, -2 for not suspended. */
  readonly suspendedMs: number;
  /** Names of queues that are paused now. */
  readonly paused: readonly string[];
  readonly keys: readonly TypedKey[];
  readonly alien: readonly { readonly member: string; readonly key: string }[];
  readonly workers: ReadonlyMap<string, WorkerFacts>;
  readonly queues: readonly QueueFacts[];
}

/** Seconds after the end of a lease, or after the time of a scheduled job, within which a worker must have seen to it. */
export const LONG_OVER_SECONDS = 120;
export const OVERDUE_SECONDS = 60;
/** Seconds after which some worker must have dropped an entry whose time is over: they look each ten minutes. */
const EXPIRED_SECONDS = 3_600;

/** Queues and workers with their counts; the number of round trips does not depend on how many there are. */
export async function readDirectory(inquiry: Inquiry, timeMs: number): Promise<Directory> {
  const [pttl, paused, ...types] = await inquiry.ask([
    question(['PTTL', SUSPENDED_KEY], 'suspended'),
    question(['ZRANGE', PAUSED_KEY, 0, -1, 'WITHSCORES'], 'paused'),
    ...[QUEUES_KEY, WORKERS_KEY].map((key) => question(['TYPE', key], 'key-types')),
  ]);
  const [queueMembers = [], workerMembers = []] = await readSets(inquiry, [QUEUES_KEY, WORKERS_KEY]);
  const workers = new Map<string, WorkerFacts>();
  await addWorkers(inquiry, workers, namesIn(workerMembers, workerOfKey));

  const names = new Set(namesIn(queueMembers, queueOfKey));
  for (const worker of workers.values()) for (const queue of worker.live ? worker.queues : []) names.add(queue);
  const sorted = [...names].sort();
  const listeners = await readSets(inquiry, sorted.map(queueWorkersKey));
  await addWorkers(inquiry, workers, namesIn(listeners.flat(), workerOfKey));
  return {
    suspendedMs: typeof pttl === 'number' ? pttl : -2,
    paused: [...readPaused(paused)].filter(([, until]) => until * 1_000 > timeMs).map(([name]) => name),
    keys: [QUEUES_KEY, WORKERS_KEY].map((key, i) => ({ key, wanted: 'set', type: typeOf(types[i]) })),
    alien: [...aliens(queueMembers, QUEUES_KEY, queueOfKey), ...aliens(workerMembers, WORKERS_KEY, workerOfKey)],
    workers,
    queues: await readQueues(inquiry, sorted, listeners, timeMs),
  };
}

const SET_PAGE = 1_000;

async function readSets(inquiry: Inquiry, keys: readonly string[]): Promise<string[][]> {
  const sets = keys.map((key) => ({ ...setPages(key, SET_PAGE), members: new Set<string>() }));
  const checks = ['alien-members', 'ghost-workers', 'unattended-queues', 'overdue-leases'] as const;
  await readPages(inquiry, sets, { atOnce: 10_000, checks }, ({ members }, items) => {
    for (const item of items) members.add(item);
  });
  return sets.map(({ members }) => [...members]);
}

const namesIn = (members: readonly string[], nameOf: (member: string) => string | null): string[] =>
  members.map(nameOf).filter((name) => name !== null);

const aliens = (members: readonly string[], key: string, nameOf: (member: string) => string | null) =>
  members.filter((member) => nameOf(member) === null).map((member) => ({ member, key }));

async function addWorkers(inquiry: Inquiry, workers: Map<string, WorkerFacts>, names: readonly string[]) {
  const fresh = [...new Set(names)].filter((name) => !workers.has(name));
  const answers = await inquiry.ask(
    fresh.flatMap((name) => [
      question(['TYPE', workerKey(name)], 'ghost-workers', 'unattended-queues', 'overdue-leases'),
      question(
        ['HMGET', workerKey(name), 'death', 'python_version', 'queues', 'tsrq_quiet'],
        'unattended-queues',
        'overdue-leases',
      ),
    ]),
  );
  for (const [i, name] of fresh.entries()) {
    const [type, fields] = [answers[2 * i], answers[2 * i + 1]];
    const [death, runtime, queues, quiet] = Array.isArray(fields) ? fields : [];
    workers.set(name, {
      live: type === 'hash' && !death,
      ghost: type === 'none',
      // tsrq writes `Node.js 20.1.2` there.
      python: typeof runtime === 'string' && !runtime.startsWith('Node.js'),
      quiet: typeof quiet === 'string' && quiet !== '',
      queues: typeof queues === 'string' ? queues.split(',').filter((queue) => queue !== '') : [],
    });
  }
}

async function readQueues(
  inquiry: Inquiry,
  names: readonly string[],
  listeners: readonly (readonly string[])[],
  timeMs: number,
): Promise<QueueFacts[]> {
  const now = Math.floor(timeMs / 1_000);
  const questions = names.map((name) => questionsAbout(name, now));
  const answers = await inquiry.ask(questions.flat());
  let at = 0;
  return names.map((name, i) => {
    const own = answers.slice(at, (at += questions[i]?.length ?? 0));
    return readQueue(name, own, namesIn(listeners[i] ?? [], workerOfKey), now);
  });
}

const keysOf = (name: string): (readonly [key: string, wanted: string])[] => [
  [queueKey(name), 'list'],
  ...betweenKeys(name).map((key) => [key, 'list'] as const),
  ...REGISTRIES.map((registry) => [registryKey(registry, name), 'zset'] as const),
  [queueWorkersKey(name), 'set'],
];

const questionsAbout = (name: string, now: number): Question[] => [
  ...keysOf(name).map(([key]) => question(['TYPE', key], 'key-types')),
  question(['LLEN', queueKey(name)], 'unattended-queues', 'ids-without-job', 'unreadable-jobs'),
  ...betweenKeys(name).map((key) => question(['LLEN', key], 'stranded-ids')),
  ...REGISTRIES.map((registry) => question(['ZCARD', registryKey(registry, name)], 'unreadable-jobs')),
  question(['ZCOUNT', registryKey('wip', name), '-inf', `(${now}`], 'overdue-leases'),
  question(['ZCOUNT', registryKey('wip', name), '-inf', `(${now - LONG_OVER_SECONDS}`], 'overdue-leases'),
  question(['ZRANGE', registryKey('wip', name), 0, 0, 'WITHSCORES'], 'overdue-leases'),
  question(['ZCOUNT', registryKey('scheduled', name), '-inf', `(${now - OVERDUE_SECONDS}`], 'overdue-schedule'),
  question(['EXISTS', schedulerLockKey(name)], 'overdue-schedule'),
  ...(['finished', 'failed'] as const).map((registry) =>
    question(['ZCOUNT', registryKey(registry, name), 0, `(${now - EXPIRED_SECONDS}`], 'expired-entries'),
  ),
];

function readQueue(name: string, answers: readonly Answer[], workers: readonly string[], now: number): QueueFacts {
  const keys = keysOf(name);
  const [queued, intermediate, moved, ...rest] = answers.slice(keys.length);
  const counts = rest.slice(0, REGISTRIES.length).map(numberOf);
  const [over, longOver, first, overdue, lock, finished, failed] = rest.slice(REGISTRIES.length);
  const oldest = finite(listOf(first)[1] ?? null);
  const registries = Object.fromEntries(REGISTRIES.map((registry, i) => [registry, counts[i] ?? 0]));
  return {
    name,
    keys: keys.map(([key, wanted], i) => ({ key, wanted, type: typeOf(answers[i]) })),
    lengths: {
      ...(registries as Record<RegistryName, number>),
      queue: numberOf(queued),
      intermediate: numberOf(intermediate),
      moved: numberOf(moved),
    },
    over: numberOf(over),
    longOver: numberOf(longOver),
    oldestOverSeconds: oldest === null ? 0 : Math.max(0, now - oldest),
    overdue: numberOf(overdue),
    // Not knowing must not look like a schedule that nobody keeps.
    hasScheduler: lock !== 0,
    expired: numberOf(finished) + numberOf(failed),
    workers,
  };
}

const typeOf = (answer: Answer | undefined): string | null => (typeof answer === 'string' ? answer : null);
