/** What the doctor looks at. */
export type CheckId =
  | 'server-version'
  | 'eviction-policy'
  | 'persistence'
  | 'replication'
  | 'sentinel'
  | 'stream-node-size'
  | 'clock'
  | 'suspended'
  | 'paused'
  | 'key-types'
  | 'alien-members'
  | 'ghost-workers'
  | 'unattended-queues'
  | 'overdue-leases'
  | 'overdue-schedule'
  | 'stranded-ids'
  | 'ids-without-job'
  | 'entries-without-job'
  | 'expired-entries'
  | 'unreadable-jobs'
  | 'dependents'
  | 'orphaned-jobs'
  | 'leftover-records';

export type Level = 'ok' | 'warning' | 'problem';

/** What tsrq can do about a finding itself; `repair.ts` does it. */
export type Fix =
  | {
      readonly kind: 'rescue' | 'compact' | 'drop-entries' | 'drop-expired' | 'release' | 'end-abandoned';
      readonly queues: readonly string[];
    }
  | { readonly kind: 'drop-leftovers' }
  | { readonly kind: 'forget-workers'; readonly workers: readonly string[]; readonly queues: readonly string[] }
  | { readonly kind: 'remove-members'; readonly members: readonly { readonly member: string; readonly key: string }[] };

export interface Finding {
  readonly id: CheckId;
  readonly level: Level;
  readonly message: string;
  /** What to do; of an `ok` finding, what could be better still. Null for nothing. */
  readonly remedy: string | null;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly fix?: Fix;
}

type Make = (id: CheckId, message: string, remedy?: string | null, details?: Finding['details']) => Finding;

const maker =
  (level: Level): Make =>
  (id, message, remedy = null, details) => ({ id, level, message, remedy, ...(details ? { details } : {}) });

export const ok = maker('ok');
export const warning = maker('warning');
export const problem = maker('problem');

export const withFix = (finding: Finding, fix: Fix): Finding => ({ ...finding, fix });

/** For a check that Redis does not let us make. */
export const unseen = (id: CheckId, reason: string): Finding =>
  warning(
    id,
    `${id} could not be looked at: ${reason}`,
    'run the doctor as a user who may, or look at it where this Redis is managed',
    { unseen: true },
  );

/** Ids that something is wrong with: how many, where, and some of them. */
export interface Tally {
  count: number;
  readonly byQueue: Map<string, number>;
  readonly ids: string[];
}

export const newTally = (): Tally => ({ count: 0, byQueue: new Map(), ids: [] });

const EXAMPLES = 20;

export function note(tally: Tally, queue: string, id: string): void {
  tally.count += 1;
  tally.byQueue.set(queue, (tally.byQueue.get(queue) ?? 0) + 1);
  if (tally.ids.length < EXAMPLES && !tally.ids.includes(id)) tally.ids.push(id);
}

/** A finding's `details` of a tally. */
export const detailsOf = ({ count, byQueue, ids }: Tally): Finding['details'] => ({
  count,
  queues: Object.fromEntries(byQueue),
  ids,
});

const NAMED = 5;

/** Some of these names, as arguments of a command that a shell is given. */
export function asArguments(names: Iterable<string>): string {
  const some = [...names].slice(0, NAMED);
  const words = some.map((name) => (/^[\w@%+=:,./-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`));
  return [...(some.some((name) => name.startsWith('-')) ? ['--'] : []), ...words].join(' ');
}

/** `a, b and 3 more`. */
export function listed(names: readonly string[]): string {
  const more = names.length - NAMED;
  return more > 0 ? `${names.slice(0, NAMED).join(', ')} and ${more} more` : names.join(', ');
}

/** `high (3), low (1)`. */
export const perQueue = (counts: Iterable<readonly [queue: string, count: number]>): string =>
  listed([...counts].map(([queue, count]) => `${queue} (${count})`));
