import { queueWorkersKey, workerKey, WORKERS_KEY } from '../protocol/keys.js';
import { LONG_OVER_SECONDS, OVERDUE_SECONDS, type Directory, type QueueFacts } from './directory.js';
import { asArguments, listed, ok, perQueue, problem, warning, withFix, type Finding } from './finding.js';
import { question, type Inquiry } from './inquiry.js';

export function checkSuspended({ suspendedMs }: Directory): Finding[] {
  if (suspendedMs === -2) return [ok('suspended', 'workers may start jobs')];
  const until = suspendedMs < 0 ? 'until `tsrq resume`' : `for another ${Math.ceil(suspendedMs / 1_000)} s`;
  const details = { forSeconds: suspendedMs < 0 ? null : suspendedMs / 1_000 };
  return [warning('suspended', `suspended ${until}: no worker starts a job`, '`tsrq resume`', details)];
}

export function checkPaused({ paused, queues }: Directory): Finding[] {
  const held = queues.filter(({ name, lengths }) => lengths.queue > 0 && paused.includes(name));
  if (held.length === 0) return [ok('paused', 'no queue that has jobs is paused')];
  const counts = held.map(({ name, lengths }) => [name, lengths.queue] as const);
  const message = `paused queues that have jobs, of which tsrq's workers take none: ${perQueue(counts)}`;
  return [
    warning('paused', message, `\`tsrq queue resume ${asArguments(held.map(({ name }) => name))}\``, {
      queues: Object.fromEntries(counts),
    }),
  ];
}

export function checkKeyTypes({ keys, queues }: Directory): Finding[] {
  const all = [...keys, ...queues.flatMap((queue) => queue.keys)];
  const wrong = all.filter(({ type, wanted }) => type !== null && type !== 'none' && type !== wanted);
  if (wrong.length === 0) return [ok('key-types', "RQ's keys have the types that RQ gives them")];
  const shown = wrong.map(({ key, type, wanted }) => `${key} is a ${type ?? '?'}, no ${wanted}`);
  return [
    problem(
      'key-types',
      `keys of a wrong type: ${listed(shown)}`,
      'see what wrote them, keep what you need of them, and `DEL` or `RENAME` them: until then workers leave these queues out',
      { keys: wrong },
    ),
  ];
}

export function checkAliens({ alien }: Directory): Finding[] {
  if (alien.length === 0) return [ok('alien-members', 'every registered queue and worker is one')];
  const shown = alien.map(({ member, key }) => `'${member}' in ${key}`);
  const found = warning(
    'alien-members',
    `registered, but no queue or worker by its name: ${listed(shown)}`,
    "`SREM` them: `rq info` and other tools of Python's RQ stop at them",
    { members: alien },
  );
  return [withFix(found, { kind: 'remove-members', members: alien })];
}

/** A worker may have said goodbye between two looks: what counts is who is registered still. */
export async function checkGhosts(inquiry: Inquiry, directory: Directory): Promise<Finding[]> {
  const isGone = (name: string): boolean => directory.workers.get(name)?.ghost === true;
  const places = [
    ...[...directory.workers.keys()].filter(isGone).map((name) => ({ name, key: WORKERS_KEY })),
    ...directory.queues.flatMap((queue) =>
      queue.workers.filter(isGone).map((name) => ({ name, key: queueWorkersKey(queue.name) })),
    ),
  ];
  const answers = await inquiry.ask(
    places.map(({ name, key }) => question(['SISMEMBER', key, workerKey(name)], 'ghost-workers')),
  );
  const ghosts = [...new Set(places.filter((_, i) => answers[i] === 1).map(({ name }) => name))];
  if (ghosts.length === 0) return [ok('ghost-workers', 'every registered worker has its hash')];
  const found = warning(
    'ghost-workers',
    `registered workers that are gone: ${listed(ghosts)}`,
    'none needed: the next maintenance of a worker of their queues forgets them',
    { workers: ghosts },
  );
  const queues = directory.queues.map(({ name }) => name);
  return [withFix(found, { kind: 'forget-workers', workers: ghosts, queues })];
}

export function checkUnattended(directory: Directory): Finding[] {
  const waiting = directory.queues.filter((queue) => queue.lengths.queue > 0);
  const alone = waiting.filter((queue) => liveWorkers(directory, queue).length === 0);
  const isQuiet = (name: string): boolean => directory.workers.get(name)?.quiet === true;
  const quiet = waiting.filter((queue) => !alone.includes(queue) && liveWorkers(directory, queue).every(isQuiet));
  const found = (message: string, queues: readonly QueueFacts[], remedy: string): Finding[] => {
    const counts = queues.map((queue) => [queue.name, queue.lengths.queue] as const);
    if (counts.length === 0) return [];
    const details = { queues: Object.fromEntries(counts) };
    return [warning('unattended-queues', `${message}: ${perQueue(counts)}`, remedy, details)];
  };
  const asleep = asArguments(new Set(quiet.flatMap((queue) => liveWorkers(directory, queue))));
  const findings = [
    ...found('no live worker listens on queues that have jobs', alone, startWorker(alone)),
    ...found('all workers of queues that have jobs are quiet', quiet, `\`tsrq workers resume ${asleep}\``),
  ];
  return findings.length > 0 ? findings : [ok('unattended-queues', 'a worker listens on every queue that has jobs')];
}

/** Python's workers look for abandoned jobs each 600 s, and not while they run one. */
const PYTHON_SECONDS = 720;

export function checkLeases(directory: Directory): Finding[] {
  const over = directory.queues.filter((queue) => queue.over > 0);
  const unheard = over.filter((queue) => liveWorkers(directory, queue).length === 0);
  const late = over.filter((queue) => queue.longOver > 0 && !unheard.includes(queue));
  const patient = late.filter((queue) => queue.oldestOverSeconds < PYTHON_SECONDS && onlyPython(directory, queue));
  const findings: Finding[] = [];
  if (unheard.length > 0) {
    const message = `jobs of dead workers, on queues without a worker that would retry or fail them: ${perQueue(unheard.map((queue) => [queue.name, queue.over]))}`;
    findings.push(endable(problem('overdue-leases', message, startWorker(unheard), leaseDetails(unheard)), unheard));
  }
  const neglected = late.filter((queue) => !patient.includes(queue));
  for (const [level, queues] of [
    [problem, neglected],
    [warning, patient],
  ] as const) {
    if (queues.length === 0) continue;
    const message = `jobs whose lease is over for more than ${LONG_OVER_SECONDS} s, while workers listen: ${perQueue(queues.map((queue) => [queue.name, queue.longOver]))}`;
    const remedy =
      level === warning
        ? "none needed yet: Python's workers look each 10 minutes, between jobs"
        : 'the maintenance of these workers does not run: look at their logs, and restart them';
    findings.push(endable(level('overdue-leases', message, remedy, leaseDetails(queues)), queues));
  }
  return findings.length > 0 ? findings : [ok('overdue-leases', 'no job of a dead worker waits for too long')];
}

const endable = (finding: Finding, queues: readonly QueueFacts[]): Finding =>
  withFix(finding, { kind: 'end-abandoned', queues: queues.map(({ name }) => name) });

const leaseDetails = (queues: readonly QueueFacts[]): Finding['details'] => ({
  queues: Object.fromEntries(queues.map((queue) => [queue.name, queue.over])),
  oldestSeconds: queues.reduce((oldest, queue) => Math.max(oldest, queue.oldestOverSeconds), 0),
});

export function checkSchedule({ queues }: Directory): Finding[] {
  const overdue = queues.filter((queue) => queue.overdue > 0 && !queue.hasScheduler);
  if (overdue.length === 0) return [ok('overdue-schedule', 'no scheduled job is overdue without a scheduler')];
  const counts = overdue.map((queue) => [queue.name, queue.overdue] as const);
  return [
    problem(
      'overdue-schedule',
      `scheduled jobs overdue by more than ${OVERDUE_SECONDS} s, and no scheduler runs for their queues: ${perQueue(counts)}`,
      startWorker(overdue, ' --with-scheduler'),
      { queues: Object.fromEntries(counts) },
    ),
  ];
}

export function checkExpired({ queues }: Directory): Finding[] {
  const over = queues.filter((queue) => queue.expired > 0);
  if (over.length === 0) return [ok('expired-entries', 'no entry of a registry is there long after its time')];
  const counts = over.map((queue) => [queue.name, queue.expired] as const);
  const names = over.map((queue) => queue.name);
  const message = `entries of finished and failed jobs whose time has been over for an hour, and that nobody has dropped: ${perQueue(counts)}`;
  const remedy = `a worker of these queues drops them, and \`tsrq clean ${asArguments(names)}\` at once`;
  const found = warning('expired-entries', message, remedy, { queues: Object.fromEntries(counts) });
  return [withFix(found, { kind: 'drop-expired', queues: names })];
}

/** Names of the live workers of a queue. */
export const liveWorkers = ({ workers }: Directory, queue: QueueFacts): string[] =>
  queue.workers.filter((name) => workers.get(name)?.live === true);

const onlyPython = (directory: Directory, queue: QueueFacts): boolean =>
  liveWorkers(directory, queue).every((name) => directory.workers.get(name)?.python === true);

const startWorker = (queues: readonly QueueFacts[], options = ''): string =>
  `start a worker: \`tsrq worker${options} ${asArguments(queues.map(({ name }) => name))}\``;
