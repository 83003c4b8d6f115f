import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { digest } from './connect.js';
import type { Script } from './redis.js';

type Piece =
  | ('base' | 'job' | 'worker' | 'fate' | 'row' | 'start' | 'holds' | 'take' | 'limit' | 'slot' | 'release' | 'end')
  | ('date' | 'new_job' | 'enqueue' | 'unlist' | 'remove' | 'step' | 'sift' | 'discard' | 'rehome');

/** A function whose body are these pieces and `shared/<name>.lua`: what it defines costs nothing where it is not called. */
interface Rare {
  readonly name: 'more_of' | 'look_closer' | 'take_by_rule' | 'start_or_put_back' | 'end_others' | 'uncount' | 'store';
  readonly parameters: string;
  readonly pieces: readonly Piece[];
}

const MORE: Rare = { name: 'more_of', parameters: 'job, id', pieces: [] };
const CLOSER: Rare = { name: 'look_closer', parameters: 'claim, w, queue, id, job', pieces: ['job', 'fate'] };
const BY_RULE: Rare = { name: 'take_by_rule', parameters: 'claim, w, wish, paused', pieces: ['limit'] };
const PUT_BACK: Rare = {
  name: 'start_or_put_back',
  parameters: 'claim, w, holds, room, queue, id',
  pieces: ['job', 'fate', 'limit'],
};
const OTHERS: Rare = { name: 'end_others', parameters: 'w, outcomes', pieces: ['job', 'slot', 'release', 'end'] };
const STORE: Rare = { name: 'store', parameters: 'job, fields', pieces: ['job', 'unlist', 'slot', 'enqueue'] };
const UNCOUNT: Rare = { name: 'uncount', parameters: 'queues, outcomes, endings', pieces: ['limit'] };

/**
 * Every state transition of tsrq: the script `lua/<name>.lua` and the shared pieces it is built on, in order.
 * The contract (arguments, replies) stands at the head of each file. Redis runs all of a script at each call, its function
 * definitions too: those that are called for every job have what they seldom need in functions of its own (docs/decisions/0014).
 */
const PARTS = {
  abandoned: ['base', 'job', 'slot', 'release', 'end'],
  adopt: ['base', MORE, 'row'],
  // On its own, as `tell`.
  ask: [],
  cancel: ['base', 'job', 'slot', 'release', 'unlist', 'remove'],
  claim: ['base', 'worker', MORE, 'row', CLOSER, 'start', 'holds', BY_RULE, 'take'],
  claim_moved: ['base', 'date', 'worker', MORE, 'row', CLOSER, 'start', 'holds', PUT_BACK],
  clean: ['base'],
  clean_gone: ['base'],
  clean_group: ['base'],
  clean_rate_limit: ['base', 'job', 'slot'],
  compact: ['base', 'sift'],
  cron: ['base', 'job', 'unlist', 'slot', 'new_job', 'enqueue'],
  cron_beat: ['base'],
  cron_entry: ['base'],
  deferred: ['base', 'job', 'slot', 'release'],
  delete: ['base', 'job', 'slot', 'release', 'unlist', 'remove'],
  delete_group: ['base'],
  delete_queue: ['base'],
  drop_leftovers: ['base'],
  due: ['base', 'job', 'slot'],
  empty: ['base', 'job', 'fate', 'step', 'slot', 'release', 'discard'],
  empty_old: ['base', 'job', 'fate', 'step', 'slot', 'release', 'sift', 'discard'],
  empty_registry: ['base', 'job', 'fate', 'step', 'slot', 'release', 'discard'],
  enqueue: ['base', 'new_job', STORE],
  // On its own: nearly every job comes this way.
  enqueue_dump: [],
  enqueue_many: ['base', 'job', 'unlist', 'slot', 'new_job', 'enqueue'],
  finish: ['base', 'worker', MORE, 'row', CLOSER, 'start', 'holds', BY_RULE, 'take', OTHERS, UNCOUNT],
  forget_worker: ['base'],
  heartbeat: ['base', 'worker'],
  move: ['base', 'job', 'fate', 'step', 'rehome'],
  move_some: ['base', 'job', 'fate', 'step', 'rehome'],
  note: ['base'],
  pause: ['base'],
  register: ['base'],
  release: ['base', 'job', 'slot', 'release'],
  requeue: ['base', 'job', 'slot'],
  scheduler_hold: ['base'],
  scheduler_release: ['base'],
  stranded: ['base', 'job'],
  // On its own: who may tell workers something need not be allowed what the shared pieces call.
  tell: [],
  unregister: ['base'],
  worker_note: ['base'],
  write_meta: ['base'],
} as const satisfies Record<string, readonly (Piece | Rare)[]>;

export type ScriptName = keyof typeof PARTS;

const loaded = new Map<ScriptName, Script>();

/** The script of that name; read from disk at its first use. */
export function script(name: ScriptName): Script {
  let found = loaded.get(name);
  if (!found) {
    const source = [...PARTS[name].map(readPart), read(name)].join('\n');
    found = { name, source, sha: digest(source) };
    loaded.set(name, found);
  }
  return found;
}

export const SCRIPT_NAMES = Object.keys(PARTS) as ScriptName[];

const FOLDER = fileURLToPath(new URL('lua/', import.meta.url));
const files = new Map<string, string>();

/** What several scripts have in common is read once. */
function read(file: string): string {
  let text = files.get(file);
  if (text === undefined) {
    text = readFileSync(`${FOLDER}${file}.lua`, 'utf8');
    files.set(file, text);
  }
  return text;
}

const readPart = (part: Piece | Rare): string => {
  if (typeof part === 'string') return read(`shared/${part}`);
  const body = [...part.pieces.map((piece) => `shared/${piece}`), `shared/${part.name}`].map(read).join('\n');
  return `local function ${part.name}(${part.parameters})\n${body}\nend`;
};
