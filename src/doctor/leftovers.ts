import { finite, listOf } from '../info/answer.js';
import { intermediateKey, jobKey } from '../protocol/keys.js';
import { ok, perQueue, warning, withFix, type Finding } from './finding.js';
import { question, type Answer, type Inquiry, type Question } from './inquiry.js';
import { keyPages } from './pages.js';

/** A record that stands for a job which is gone, or a mark of an id that is not there any more. */
export interface Leftover {
  readonly kind: string;
  readonly key: string;
  readonly id: string;
  /** The intermediate list that a mark belongs to. */
  readonly list: string | null;
}

/** What was found, of how many keys. */
export interface Leftovers {
  readonly kinds: Map<string, number>;
  readonly keys: string[];
  /** How many keys were looked at; null for all. */
  sampledKeys: number | null;
}

/** Keys that one SCAN goes through, and how many of these are made unless everything is looked at. */
const PAGE = 5_000;
const PAGES = 4;
const EXAMPLES = 20;
const CHECKS = ['leftover-records'] as const;

/** Seconds: tsrq's own marks live for less, and an id that is under way has passed by then. */
export const MARK_SECONDS = 300;
/** So many of those that wait for a job are looked at. */
const SOME = 100;

const KINDS: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ['dependents', /^rq:job:([\w-]+):dependents$/],
  ['dependencies', /^rq:job::([\w-]+):dependencies$/],
  ['results', /^rq:results:([\w-]+)$/],
  ['executions', /^rq:executions?:([\w-]+)(?::[^:]+)?$/],
  ['logs', /^rq:tsrq:log:([\w-]+)$/],
];
const MARK = /^rq:queue:(.+):intermediate:first_seen:([\w-]+)$/;

/** Looks through the keys: all of them, or so many as 20,000. */
export async function findLeftovers(inquiry: Inquiry, timeMs: number, deep: boolean): Promise<Leftovers> {
  const found: Leftovers = { kinds: new Map(), keys: [], sampledKeys: null };
  for await (const { leftovers, page, last } of leftoverPages(inquiry, timeMs)) {
    for (const { kind, key } of leftovers) {
      found.kinds.set(kind, (found.kinds.get(kind) ?? 0) + 1);
      if (found.keys.length < EXAMPLES) found.keys.push(key);
    }
    if (deep || last || page < PAGES) continue;
    found.sampledKeys = PAGE * PAGES;
    break;
  }
  return found;
}

interface LeftoverPage {
  readonly leftovers: readonly Leftover[];
  /** From 1. */
  readonly page: number;
  readonly last: boolean;
}

/** All that is left behind, page by page. */
export async function* leftoverPages(inquiry: Inquiry, timeMs: number): AsyncGenerator<LeftoverPage> {
  const pages = keyPages('rq:*', PAGE);
  let command = pages.next();
  for (let page = 1; command !== null; page += 1) {
    const [answer = null] = await inquiry.ask([question(command, ...CHECKS)]);
    const suspects = pages.take(answer).flatMap(suspectOf);
    // What is being written or removed just now is not left behind: it is so at two looks.
    const leftovers = await stillThere(inquiry, await stillThere(inquiry, suspects, timeMs), timeMs);
    command = pages.next();
    yield { leftovers, page, last: command === null };
  }
}

function suspectOf(key: string): Leftover[] {
  const [, queue, marked] = MARK.exec(key) ?? [];
  if (queue !== undefined) return [{ kind: 'marks', key, id: marked ?? '', list: intermediateKey(queue) }];
  for (const [kind, pattern] of KINDS) {
    const id = pattern.exec(key)?.[1];
    if (id !== undefined) return [{ kind, key, id, list: null }];
  }
  return [];
}

/** Those whose job is gone and that will not expire by themselves; of marks, the old ones without their id. */
async function stillThere(inquiry: Inquiry, suspects: readonly Leftover[], timeMs: number): Promise<Leftover[]> {
  const answers = await inquiry.ask(suspects.flatMap(questionsAbout));
  const left = suspects.filter(({ list }, i) => {
    const [first = null, second = null] = answers.slice(2 * i, 2 * i + 2);
    if (list === null) return first === 0 && second === -1;
    return first === null && isOld(second, timeMs);
  });
  return withoutWaiting(inquiry, left);
}

const questionsAbout = ({ key, id, list }: Leftover): Question[] =>
  list === null
    ? [question(['EXISTS', jobKey(id)], ...CHECKS), question(['PTTL', key], ...CHECKS)]
    : [question(['LPOS', list, id], ...CHECKS), question(['GET', key], ...CHECKS)];

function isOld(mark: Answer, timeMs: number): boolean {
  const since = typeof mark === 'string' ? finite(mark) : null;
  return since !== null && timeMs / 1_000 - since > MARK_SECONDS;
}

/** A job that is gone may have one that waits for others besides; its release looks there. */
async function withoutWaiting(inquiry: Inquiry, leftovers: readonly Leftover[]): Promise<Leftover[]> {
  const sets = leftovers.filter(({ kind }) => kind === 'dependents');
  const members = (await inquiry.ask(sets.map(({ key }) => question(['SRANDMEMBER', key, SOME], ...CHECKS)))).map(
    listOf,
  );
  const statuses = await inquiry.ask(members.flat().map((id) => question(['HGET', jobKey(id), 'status'], ...CHECKS)));
  let at = 0;
  const waiting = new Set(
    sets.filter((_, i) => statuses.slice(at, (at += members[i]?.length ?? 0)).includes('deferred')),
  );
  return leftovers.filter((leftover) => !waiting.has(leftover));
}

export function checkLeftovers({ kinds, keys, sampledKeys }: Leftovers): Finding[] {
  const sample = sampledKeys === null ? '' : ` (of ${sampledKeys.toLocaleString('en')} keys; \`--deep\` looks at all)`;
  if (kinds.size === 0) return [ok('leftover-records', `no record is left of a job that is gone${sample}`)];
  const count = [...kinds.values()].reduce((sum, each) => sum + each, 0);
  const least = sampledKeys === null ? '' : `at least ${count} `;
  const marks = kinds.has('marks') ? "; by its mark Python's RQ may fail an id that passes there again" : '';
  const found = warning(
    'leftover-records',
    `${least}records of jobs that are gone, or that are under way no more: ${perQueue(kinds)}${sample}`,
    `\`tsrq doctor --fix\` removes them: nothing else does, and they take up memory${marks}`,
    { count, kinds: Object.fromEntries(kinds), keys },
  );
  return [withFix(found, { kind: 'drop-leftovers' })];
}
