import { setTimeout as sleep } from 'node:timers/promises';
import { betweenKeys, jobKey, queueKey, registryKey } from '../protocol/keys.js';
import { detailsOf, newTally, note, ok, perQueue, problem, type Finding, type Tally } from './finding.js';
import { question, type Inquiry } from './inquiry.js';
import { keyPages, listPages, readPages, sortedSetPages, type Pages } from './pages.js';

/** A job that its status wants in some place. */
interface Suspect {
  readonly status: string;
  readonly origin: string;
}

const PAGE = 1_000;
const READERS = 50;
/** How many are in memory at once: each such batch costs a pass over the lists. */
const SUSPECTS = 100_000;
/** A worker that takes jobs off several queues (RQ's BLPOP) has an id in its memory alone for less. */
const SECOND_LOOK_MS = 1_000;
const CHECKS = ['orphaned-jobs'] as const;

/** Jobs that wait or run by their status, and are in no list or registry from which anything would go on with them. */
export async function findOrphans(inquiry: Inquiry, queues: readonly string[]): Promise<Tally> {
  const orphans = newTally();
  let suspects = new Map<string, Suspect>();
  await readPages(inquiry, [keyPages(jobKey('*'), PAGE)], { atOnce: 1, checks: CHECKS }, async (_, keys) => {
    const ids = keys.filter(isJobKey).map((key) => key.slice(jobKey('').length));
    for (const [id, suspect] of await suspectsOf(inquiry, ids)) suspects.set(id, suspect);
    if (suspects.size < SUSPECTS) return;
    await settle(inquiry, queues, suspects, orphans);
    suspects = new Map();
  });
  await settle(inquiry, queues, suspects, orphans);
  return orphans;
}

/** Not the sets of a job's parents and children. */
const isJobKey = (key: string): boolean => !key.startsWith(jobKey(':')) && !key.endsWith(':dependents');

/** Scheduled and deferred jobs can be looked up in their registry; where queued and started ones are, only reading tells. */
async function suspectsOf(inquiry: Inquiry, ids: readonly string[]): Promise<[id: string, Suspect][]> {
  const hashes = await inquiry.ask(ids.map((id) => question(['HMGET', jobKey(id), 'status', 'origin'], ...CHECKS)));
  const living = ids.flatMap((id, i): [string, Suspect][] => {
    const answer = hashes[i];
    const [status, origin] = Array.isArray(answer) ? answer : [];
    if (typeof status !== 'string' || !['queued', 'started', 'scheduled', 'deferred'].includes(status)) return [];
    return [[id, { status, origin: typeof origin === 'string' ? origin : '' }]];
  });
  const registered = living.filter(([, { status }]) => status === 'scheduled' || status === 'deferred');
  const scores = await inquiry.ask(
    registered.map(([id, { status, origin }]) =>
      question(['ZSCORE', registryKey(status as 'scheduled' | 'deferred', origin), id], ...CHECKS),
    ),
  );
  const found = new Set(registered.filter((_, i) => scores[i] !== null).map(([id]) => id));
  return living.filter(([id]) => !found.has(id));
}

/** Jobs move while they are looked for: an orphan is missed by two looks, and its status has not changed in between. */
async function settle(
  inquiry: Inquiry,
  queues: readonly string[],
  suspects: Map<string, Suspect>,
  orphans: Tally,
): Promise<void> {
  await strike(inquiry, queues, suspects);
  if (suspects.size === 0) return;
  await sleep(SECOND_LOOK_MS);
  const again = new Map(await suspectsOf(inquiry, [...suspects.keys()]));
  for (const [id, { status }] of again) if (suspects.get(id)?.status !== status) again.delete(id);
  await strike(inquiry, queues, again);
  for (const [id, { origin }] of again) note(orphans, origin, id);
}

/** Takes out those whose id is on a queue, between queue and start, or in an execution. */
async function strike(inquiry: Inquiry, queues: readonly string[], suspects: Map<string, Suspect>): Promise<void> {
  if (suspects.size === 0) return;
  const names = new Set([...queues, ...[...suspects.values()].map(({ origin }) => origin)]);
  const readers = [...names].flatMap((name): (Pages & { readonly idOf: (item: string) => string })[] => [
    ...betweenKeys(name).map((key) => ({ ...listPages(key, PAGE), idOf: (id: string) => id })),
    { ...listPages(queueKey(name), PAGE), idOf: (id) => id },
    { ...sortedSetPages(registryKey('wip', name), PAGE), idOf: (member) => member.replace(/:[^:]*$/, '') },
  ]);
  await readPages(inquiry, readers, { atOnce: READERS, checks: CHECKS }, ({ idOf }, items) => {
    for (const item of items) suspects.delete(idOf(item));
  });
}

export function checkOrphans(orphans: Tally): Finding[] {
  if (orphans.count === 0) return [ok('orphaned-jobs', 'every job that waits or runs is where its status wants it')];
  return [
    problem(
      'orphaned-jobs',
      `jobs that wait or run by their status, and are in no list or registry: ${perQueue(orphans.byQueue)}: ${orphans.ids.join(', ')}${orphans.count > orphans.ids.length ? ' …' : ''}`,
      'no worker finds them; `RPUSH rq:queue:NAME ID` puts one back on its queue',
      detailsOf(orphans),
    ),
  ];
}
