import { finite, listOf } from '../info/answer.js';
import { dependenciesKey, jobKey, registryKey } from '../protocol/keys.js';
import { parseDate } from '../protocol/time.js';
import type { Directory } from './directory.js';
import { detailsOf, newTally, note, ok, perQueue, warning, withFix, type Finding, type Tally } from './finding.js';
import { question, type Inquiry } from './inquiry.js';

/** Deferred jobs that something is wrong with. */
export interface Dependents {
  /** All that they wait for is done or gone, for longer than the maintenance of a worker needs to see it. */
  readonly forgotten: Tally;
  /** What they wait for has failed, or was stopped or canceled. */
  readonly blocked: Tally;
}

const PAGE = 1_000;
/** The maintenance of a worker looks at them each 600 s; a queue that has more than it looks at may take longer. */
const FORGOTTEN_SECONDS = 900;
const CHECKS = ['dependents'] as const;

/** Looks at deferred jobs and at what they wait for: all, or the oldest and the newest thousand of each queue. */
export async function readDependents(
  inquiry: Inquiry,
  { queues }: Directory,
  timeMs: number,
  deep: boolean,
): Promise<Dependents> {
  const found: Dependents = { forgotten: newTally(), blocked: newTally() };
  for (const { name, lengths } of queues) {
    for (let from = 0; from < lengths.deferred; from += PAGE) {
      if (!deep && from >= PAGE && from < lengths.deferred - PAGE) from = lengths.deferred - PAGE;
      const command = ['ZRANGE', registryKey('deferred', name), from, from + PAGE - 1, 'WITHSCORES'] as const;
      const [answer = null] = await inquiry.ask([question(command, ...CHECKS)]);
      await readPage(inquiry, name, listOf(answer), timeMs / 1_000, found);
    }
  }
  return found;
}

async function readPage(
  inquiry: Inquiry,
  queue: string,
  entries: readonly string[],
  now: number,
  { forgotten, blocked }: Dependents,
): Promise<void> {
  const ids = entries.filter((_, i) => i % 2 === 0);
  const answers = await inquiry.ask(
    ids.flatMap((id) => [
      question(['HMGET', jobKey(id), 'status', 'allow_dependency_failures', 'created_at'], ...CHECKS),
      question(['SRANDMEMBER', dependenciesKey(id), SOME], ...CHECKS),
    ]),
  );
  const children = ids.flatMap((id, i) => {
    const fields = answers[2 * i];
    const [status, lenient, created] = Array.isArray(fields) ? fields : [];
    const score = finite(entries[2 * i + 1] ?? null);
    // RQ before 2.8 has no moment there.
    const createdMs = typeof created === 'string' ? parseDate(created) : null;
    const sinceSeconds = score !== null && score <= now ? score : createdMs === null ? now : createdMs / 1_000;
    return status === 'deferred'
      ? [{ id, lenient: lenient === '1', sinceSeconds, parents: listOf(answers[2 * i + 1]) }]
      : [];
  });
  const parents = [...new Set(children.flatMap((child) => child.parents))];
  const statuses = await inquiry.ask(parents.map((id) => question(['HGET', jobKey(id), 'status'], ...CHECKS)));
  const statusOf = new Map(parents.map((id, i) => [id, statuses[i] ?? null]));
  for (const child of children) {
    const states = child.parents.map((id) => statusOf.get(id) ?? null);
    const isDone = (status: unknown): boolean =>
      status === null || status === 'finished' || (status === 'failed' && child.lenient);
    if (states.some((status) => !isDone(status) && BLOCKING.has(status))) note(blocked, queue, child.id);
    else if (states.every(isDone) && states.length < SOME && now - child.sinceSeconds > FORGOTTEN_SECONDS)
      note(forgotten, queue, child.id);
  }
}

/** So many of what a job waits for are looked at. */
const SOME = 100;
const BLOCKING: ReadonlySet<unknown> = new Set(['failed', 'stopped', 'canceled']);

export function checkDependents({ forgotten, blocked }: Dependents): Finding[] {
  const findings: Finding[] = [];
  if (forgotten.count > 0) {
    const message = `deferred jobs that wait for nothing any more, and that nobody has released: ${perQueue(forgotten.byQueue)}: ${forgotten.ids.join(', ')}`;
    const remedy = 'the maintenance of a tsrq worker of these queues releases them: start one, or wait 10 minutes';
    const found = warning('dependents', message, remedy, detailsOf(forgotten));
    findings.push(withFix(found, { kind: 'release', queues: [...forgotten.byQueue.keys()] }));
  }
  if (blocked.count > 0) {
    const message = `deferred jobs that wait for one that has failed, or was stopped or canceled: ${perQueue(blocked.byQueue)}: ${blocked.ids.join(', ')}`;
    const remedy =
      '`tsrq requeue` what has failed or was stopped; `tsrq job delete` what they wait for releases them, `tsrq job cancel` ends them';
    findings.push(warning('dependents', message, remedy, detailsOf(blocked)));
  }
  return findings.length > 0
    ? findings
    : [ok('dependents', 'every deferred job waits for something that may yet come')];
}
