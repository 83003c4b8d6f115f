import { readFileSync } from 'node:fs';
import { digest } from './connect.js';
import type { Script } from './redis.js';

/**
 * Every state transition of tsrq: the script `lua/<name>.lua` and the shared pieces it is built on, in order.
 * The contract (arguments, replies) stands at the head of each file.
 */
const PARTS = {
  abandoned: ['base', 'release', 'end'],
  adopt: ['base', 'start'],
  cancel: ['base', 'release', 'unlist', 'remove'],
  claim: ['base', 'start', 'take'],
  claim_moved: ['base', 'start'],
  clean: ['base'],
  delete: ['base', 'release', 'unlist', 'remove'],
  compact: ['base', 'sift'],
  deferred: ['base', 'release'],
  delete_queue: ['base'],
  due: ['base'],
  empty: ['base', 'step', 'release', 'discard'],
  empty_old: ['base', 'step', 'release', 'sift', 'discard'],
  empty_registry: ['base', 'step', 'release'],
  enqueue: ['base', 'unlist', 'enqueue'],
  enqueue_many: ['base', 'unlist', 'enqueue'],
  finish: ['base', 'start', 'take', 'release', 'end'],
  heartbeat: ['base'],
  move: ['base', 'step'],
  pause: ['base'],
  register: ['base'],
  release: ['base', 'release'],
  requeue: ['base'],
  save_meta: ['base'],
  stranded: ['base'],
  unregister: ['base'],
} as const satisfies Record<
  string,
  readonly (
    'base' | 'start' | 'take' | 'end' | 'enqueue' | 'unlist' | 'remove' | 'release' | 'step' | 'sift' | 'discard'
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
