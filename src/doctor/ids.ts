import { finite, listOf } from '../info/answer.js';
import {
  firstSeenKey,
  intermediateKey,
  isJobId,
  jobKey,
  movedKey,
  queueKey,
  REGISTRIES,
  registryKey,
} from '../protocol/keys.js';
import type { RedisCommand } from '../redis/redis.js';
import type { Directory } from './directory.js';
import {
  asArguments,
  type CheckId,
  detailsOf,
  type Finding,
  newTally,
  note,
  ok,
  perQueue,
  problem,
  type Tally,
  warning,
  withFix,
} from './finding.js';
import { question, type Answer, type Inquiry } from './inquiry.js';
import { liveWorkers } from './queues.js';

/** What was found by looking at ids and at what they lead to. */
export interface Ids {
  /** Not every id was looked at. */
  readonly sampled: boolean;
  /** Ids on queues whose job is gone. */
  readonly dead: Tally;
  /** Entries of registries whose job is gone. */
  readonly deadEntries: Tally;
  /** Ids that RQ refuses, or whose key is no hash. */
  readonly unreadable: Tally;
  /** Ids between queue and start for longer than any worker needs. */
  readonly stranded: Tally;
}

type Place = 'queue' | 'between' | 'wip' | 'registry';

/** A piece of a list or registry. */
interface Range {
  readonly queue: string;
  readonly place: Place;
  /** Its scores are when its entries are over. */
  readonly expires: boolean;
  readonly command: RedisCommand;
  /** How many ids it holds, about. */
  readonly size: number;
}

const PAGE = 1_000;
/** Of a list or registry that is longer, the first and the last page are looked at. */
const SAMPLE = 2 * PAGE;
const IDS_AT_ONCE = 10_000;
const STRANDED_SECONDS = 90;

/** Looks at the ids of all lists and registries, page by page: all of them, or the ends of the long ones. */
export async function readIds(inquiry: Inquiry, directory: Directory, timeMs: number, deep: boolean): Promise<Ids> {
  const isLong = directory.queues.some(({ lengths }) => Object.values(lengths).some((length) => length > SAMPLE));
  const ids: Ids = {
    sampled: !deep && isLong,
    dead: newTally(),
    deadEntries: newTally(),
    unreadable: newTally(),
    stranded: newTally(),
  };
  const attended = new Set(
    directory.queues.filter((queue) => liveWorkers(directory, queue).length > 0).map(({ name }) => name),
  );
  let batch: Range[] = [];
  let size = 0;
  for (const range of rangesOf(directory, deep)) {
    if (size + range.size > IDS_AT_ONCE && batch.length > 0) {
      await readBatch(inquiry, batch, ids, { attended, timeMs });
      [batch, size] = [[], 0];
    }
    batch.push(range);
    size += range.size;
  }
  await readBatch(inquiry, batch, ids, { attended, timeMs });
  return ids;
}

function* rangesOf({ queues }: Directory, deep: boolean): Generator<Range> {
  for (const { name, lengths } of queues) {
    yield* ranges(lengths.queue, deep, { queue: name, place: 'queue', expires: false }, 'LRANGE', queueKey(name));
    const between = { queue: name, place: 'between', expires: false } as const;
    yield* ranges(lengths.intermediate, deep, between, 'LRANGE', intermediateKey(name));
    yield* ranges(lengths.moved, deep, between, 'LRANGE', movedKey(name));
    for (const registry of REGISTRIES) {
      const place = registry === 'wip' ? 'wip' : 'registry';
      const expires = registry === 'finished' || registry === 'failed';
      yield* ranges(lengths[registry], deep, { queue: name, place, expires }, 'ZRANGE', registryKey(registry, name));
    }
  }
}

function* ranges(
  length: number,
  deep: boolean,
  of: Pick<Range, 'queue' | 'place' | 'expires'>,
  command: 'LRANGE' | 'ZRANGE',
  key: string,
): Generator<Range> {
  for (let from = 0; from < length; from += PAGE) {
    if (!deep && from >= PAGE && from < length - PAGE) from = length - PAGE;
    const size = Math.min(PAGE, length - from);
    yield { ...of, size, command: [command, key, from, from + size - 1] };
  }
}

const CHECKS: readonly CheckId[] = ['ids-without-job', 'entries-without-job', 'unreadable-jobs', 'stranded-ids'];

interface Entry {
  readonly range: Range;
  readonly id: string;
  /** Of an id between queue and start, when a worker first saw it there. */
  readonly mark: string | null;
}

async function readBatch(
  inquiry: Inquiry,
  batch: readonly Range[],
  ids: Ids,
  now: { readonly attended: ReadonlySet<string>; readonly timeMs: number },
): Promise<void> {
  const pages = await readRanges(inquiry, batch);
  const entries = batch.flatMap((range, i) =>
    (pages[i] ?? []).map((member): Entry => {
      const id = range.place === 'wip' ? idOf(member) : member;
      return { range, id, mark: range.place === 'between' ? firstSeenKey(range.queue, id) : null };
    }),
  );
  const marked = entries.filter((entry) => entry.mark !== null);
  const answers = await inquiry.ask([
    ...entries.map(({ id }) =>
      question(['TYPE', jobKey(id)], 'ids-without-job', 'entries-without-job', 'unreadable-jobs'),
    ),
    ...marked.map(({ mark }) => question(['GET', mark ?? ''], 'stranded-ids')),
  ]);
  const dead: Entry[] = [];
  const deadEntries: Entry[] = [];
  for (const [i, entry] of entries.entries()) {
    const type = answers[i];
    const odd = typeof type === 'string' && type !== 'hash' && type !== 'none';
    if (odd || !isJobId(entry.id)) note(ids.unreadable, entry.range.queue, entry.id);
    else if (type === 'none' && entry.range.place === 'queue') dead.push(entry);
    else if (type === 'none' && entry.range.place === 'registry') deadEntries.push(entry);
  }
  for (const [i, { range, id }] of marked.entries()) {
    if (isStranded(answers[entries.length + i], now.attended.has(range.queue), now.timeMs))
      note(ids.stranded, range.queue, id);
  }
  await noteDead(inquiry, dead, ids.dead);
  await noteDeadEntries(inquiry, deadEntries, ids.deadEntries, now.timeMs);
}

async function readRanges(inquiry: Inquiry, batch: readonly Range[]): Promise<string[][]> {
  const answers = await inquiry.ask(batch.map(({ command }) => question(command, ...CHECKS)));
  return answers.map(listOf);
}

/** `id:execution`; versions before 2.0 wrote the id alone. */
const idOf = (member: string): string => (member.includes(':') ? member.slice(0, member.lastIndexOf(':')) : member);

/** Without a mark no worker has seen it yet, and where none listens none ever will. */
function isStranded(mark: Answer | undefined, attended: boolean, timeMs: number): boolean {
  const since = typeof mark === 'string' ? finite(mark) : null;
  return since === null ? !attended : timeMs / 1_000 - since > STRANDED_SECONDS;
}

/** A job may have run and gone between two looks: what counts is an id that is on its queue still. */
async function noteDead(inquiry: Inquiry, dead: readonly Entry[], tally: Tally): Promise<void> {
  const batch = [...new Set(dead.map(({ range }) => range))];
  const still = new Map((await readRanges(inquiry, batch)).map((ids, i) => [batch[i], new Set(ids)]));
  for (const { range, id } of dead) if (still.get(range)?.has(id) === true) note(tally, range.queue, id);
}

/** What counts is an entry whose job is gone still; one whose time is over is another matter. */
async function noteDeadEntries(inquiry: Inquiry, dead: readonly Entry[], tally: Tally, timeMs: number): Promise<void> {
  const answers = await inquiry.ask(
    dead.flatMap(({ range, id }) => [
      question(['ZSCORE', String(range.command[1]), id], 'entries-without-job'),
      question(['EXISTS', jobKey(id)], 'entries-without-job'),
    ]),
  );
  for (const [i, { range, id }] of dead.entries()) {
    const [score = null, exists] = answers.slice(2 * i, 2 * i + 2);
    if (typeof score !== 'string' || exists !== 0) continue;
    const isOver = range.expires && Number(score) >= 0 && Number(score) <= timeMs / 1_000;
    if (!isOver) note(tally, range.queue, id);
  }
}

export function checkStranded({ stranded }: Ids): Finding[] {
  if (stranded.count === 0) return [ok('stranded-ids', 'no job is stranded between its queue and its start')];
  const found = warning(
    'stranded-ids',
    `jobs that a worker took and never started: ${perQueue(stranded.byQueue)}`,
    'they go back to the head of their queue when a tsrq worker of that queue runs',
    detailsOf(stranded),
  );
  return [withFix(found, { kind: 'rescue', queues: [...stranded.byQueue.keys()] })];
}

export function checkDeadIds(ids: Ids): Finding[] {
  const { dead } = ids;
  if (dead.count === 0) return [ok('ids-without-job', `every id on a queue leads to a job${sampleOf(ids)}`)];
  const found = warning(
    'ids-without-job',
    `ids on queues whose job has expired by its ttl or was deleted: ${perQueue(dead.byQueue)}${sampleOf(ids)}`,
    'none needed: workers step over them',
    detailsOf(dead),
  );
  return [withFix(found, { kind: 'compact', queues: [...dead.byQueue.keys()] })];
}

export function checkDeadEntries(ids: Ids): Finding[] {
  const { deadEntries } = ids;
  if (deadEntries.count === 0)
    return [ok('entries-without-job', `every entry of a registry leads to a job${sampleOf(ids)}`)];
  const found = warning(
    'entries-without-job',
    `entries of registries whose job is gone: ${perQueue(deadEntries.byQueue)}${sampleOf(ids)}`,
    `\`tsrq clean ${asArguments(deadEntries.byQueue.keys())}\` drops them`,
    detailsOf(deadEntries),
  );
  return [withFix(found, { kind: 'drop-entries', queues: [...deadEntries.byQueue.keys()] })];
}

export function checkUnreadable(ids: Ids): Finding[] {
  const { unreadable } = ids;
  if (unreadable.count === 0)
    return [ok('unreadable-jobs', `every id and its job are as RQ writes them${sampleOf(ids)}`)];
  return [
    problem(
      'unreadable-jobs',
      `ids that RQ refuses, or whose job is no hash: ${perQueue(unreadable.byQueue)}${sampleOf(ids)}`,
      "see what wrote them, and take them out: Python's RQ stops at them, tsrq's workers put them on the failed registry",
      detailsOf(unreadable),
    ),
  ];
}

const sampleOf = ({ sampled }: Ids): string =>
  sampled ? ' (of the first and last 1,000 of each list and registry; `--deep` looks at all)' : '';
