import { checkDependents, readDependents } from './doctor/dependents.js';
import { readDirectory } from './doctor/directory.js';
import { unseen, type CheckId, type Finding } from './doctor/finding.js';
import { checkDeadEntries, checkDeadIds, checkStranded, checkUnreadable, readIds } from './doctor/ids.js';
import { Inquiry } from './doctor/inquiry.js';
import { checkLeftovers, findLeftovers } from './doctor/leftovers.js';
import { checkOrphans, findOrphans } from './doctor/orphans.js';
import {
  checkAliens,
  checkExpired,
  checkGhosts,
  checkKeyTypes,
  checkLeases,
  checkPaused,
  checkSchedule,
  checkSuspended,
  checkUnattended,
} from './doctor/queues.js';
import {
  checkClock,
  checkEviction,
  checkPersistence,
  checkReplication,
  checkSentinel,
  checkStreams,
  checkVersion,
  readClock,
  readServer,
} from './doctor/server.js';
import type { Redis } from './redis/redis.js';

export type { Finding, Fix } from './doctor/finding.js';
export { fixText, repair } from './doctor/repair.js';

export interface Diagnosis {
  /** The Redis that was asked, without secrets. */
  readonly redis: string;
  /** Redis's clock, milliseconds since the epoch. */
  readonly timeMs: number;
  readonly findings: readonly Finding[];
}

export interface DiagnoseOptions {
  /** Look at every id and every job instead of the ends of long lists. */
  readonly deep?: boolean;
  /** This machine's clock. */
  readonly now?: () => number;
}

/**
 * What is wrong with one Redis and with RQ's keys in it, without changing anything. Lists and registries are read page by
 * page. What a user may not look at is a finding, not an error.
 */
export async function diagnose(
  redis: Redis,
  { deep = false, now = Date.now }: DiagnoseOptions = {},
): Promise<Diagnosis> {
  const inquiry = new Inquiry(redis);
  const server = await readServer(inquiry, redis.description);
  const clock = await readClock(inquiry, now);
  const { timeMs } = clock;
  const directory = await readDirectory(inquiry, timeMs);
  const ids = await readIds(inquiry, directory, timeMs, deep);
  const names = directory.queues.map(({ name }) => name);
  const findings = [
    ...checkVersion(server),
    ...checkEviction(server),
    ...checkPersistence(server),
    ...checkReplication(server),
    ...checkSentinel(server),
    ...checkStreams(server),
    ...checkClock(clock),
    ...checkSuspended(directory),
    ...checkPaused(directory),
    ...checkKeyTypes(directory),
    ...checkAliens(directory),
    ...(await checkGhosts(inquiry, directory)),
    ...checkUnattended(directory),
    ...checkLeases(directory),
    ...checkSchedule(directory),
    ...checkStranded(ids),
    ...checkDeadIds(ids),
    ...checkDeadEntries(ids),
    ...checkExpired(directory),
    ...checkUnreadable(ids),
    ...checkDependents(await readDependents(inquiry, directory, timeMs, deep)),
    ...checkLeftovers(await findLeftovers(inquiry, timeMs, deep)),
    ...(deep ? checkOrphans(await findOrphans(inquiry, names)) : []),
  ];
  return { redis: redis.description, timeMs, findings: withUnseen(findings, inquiry.unseen) };
}

/** A check that was refused a part of what it looks at may report what is wrong, and must not say that nothing is. */
function withUnseen(findings: readonly Finding[], reasons: ReadonlyMap<CheckId, string>): Finding[] {
  const kept = findings.filter(({ id, level }) => level !== 'ok' || !reasons.has(id));
  return [...kept, ...[...reasons].map(([id, reason]) => unseen(id, reason))];
}
