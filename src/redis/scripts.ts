import { readFileSync } from 'node:fs';
import { digest } from './connect.js';
import type { Script } from './redis.js';

/**
 * Every state transition of tsrq: the script `lua/<name>.lua` and the shared pieces it is built on, in order.
 * The contract (arguments, replies) stands at the head of each file.
 */
const PARTS = {
  abandoned: ['base', 'slot', 'release', 'end'],
  adopt: ['base', 'fate', 'start'],
  cancel: ['base', 'slot', 'release', 'unlist', 'remove'],
  claim: ['base', 'fate', 'start', 'limit', 'take'],
  claim_moved: ['base', 'fate', 'start', 'limit'],
  clean: ['base'],
  clean_gone: ['base'],
  clean_group: ['base'],
  clean_rate_limit: ['base', 'slot'],
  compact: ['base', 'sift'],
  cron: ['base', 'unlist', 'slot', 'enqueue'],
  cron_beat: ['base'],
  cron_entry: ['base'],
  deferred: ['base', 'slot', 'release'],
  delete: ['base', 'slot', 'release', 'unlist', 'remove'],
  delete_group: ['base'],
  delete_queue: ['base'],
  drop_leftovers: ['base'],
  due: ['base', 'slot'],
  empty: ['base', 'fate', 'step', 'slot', 'release', 'discard'],
  empty_old: ['base', 'fate', 'step', 'slot', 'release', 'sift', 'discard'],
  empty_registry: ['base', 'fate', 'step', 'slot', 'release', 'discard'],
  enqueue: ['base', 'unlist', 'slot', 'enqueue'],
  enqueue_many: ['base', 'unlist', 'slot', 'enqueue'],
  finish: ['base', 'fate', 'start', 'limit', 'take', 'slot', 'release', 'end'],
  forget_worker: ['base'],
  heartbeat: ['base'],
  move: ['base', 'fate', 'step', 'rehome'],
  move_some: ['base', 'fate', 'step', 'rehome'],
  note: ['base'],
  pause: ['base'],
  register: ['base'],
  release: ['base', 'slot', 'release'],
  requeue: ['base', 'slot'],
  scheduler_hold: ['base'],
  scheduler_release: ['base'],
  stranded: ['base'],
  // On its own: who may tell workers something need not be allowed what the shared pieces call.
  tell: [],
  unregister: ['base'],
  worker_note: ['base'],
  write_meta: ['base'],
} as const satisfies Record<
  string,
  readonly (
    | ('base' | 'fate' | 'start' | 'limit' | 'take' | 'slot' | 'release' | 'end')
    | ('enqueue' | 'unlist' | 'remove' | 'step' | 'sift' | 'discard' | 'rehome')
  )[]
>;

export type ScriptName = keyof typeof PARTS;

const loaded = new Map<ScriptName, Script>();

/** The script of that name; read from disk at its first use. */
export function script(name: ScriptName): Script {
  let found = loaded.get(name);
  if (!found) {
    const source = [...PARTS[name].map((part) => `shared/${part}`), name].map(read).join('\n');
    found = { name, source, sha: digest(source) };
    loaded.set(name, found);
  }
  return found;
}

export const SCRIPT_NAMES = Object.keys(PARTS) as ScriptName[];

const read = (file: string): string => readFileSync(new URL(`lua/${file}.lua`, import.meta.url), 'utf8');
