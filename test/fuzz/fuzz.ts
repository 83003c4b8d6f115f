import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import fc from 'fast-check';
import { describe, it, vi } from 'vitest';
import { seeded } from '../chaos/random.js';
import { mutate } from './mutate.js';

/** Throws for an input that breaks a rule. */
export type Check = (input: Buffer) => void | Promise<void>;

const SEED = Number(process.env['TSRQ_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31)) | 0;
const RUNS = Number(process.env['TSRQ_FUZZ_RUNS'] ?? 300);
if (!Number.isSafeInteger(RUNS) || RUNS < 1) throw new Error(`TSRQ_FUZZ_RUNS is ${RUNS}: a count is needed`);

// For whoever imports this: a long run takes its time.
vi.setConfig({ testTimeout: 60_000 + RUNS * 100 });

const FOLDER = fileURLToPath(new URL('./corpus/', import.meta.url));
/** Of one batch of inputs; no input takes a hundredth of it. A hang would otherwise end no run at all. */
const HANGS_AFTER_MS = 30_000;
const BATCH = 20;
const MAX_ATTEMPTS = 300;
const PRISTINE = [Object, Object.prototype, Array.prototype, Function.prototype].map(
  (object) => [object, Object.getOwnPropertyDescriptors(object) as Record<string, PropertyDescriptor>] as const,
);

/**
 * Tests that `check` holds on each entry of `corpus/<name>` and on inputs mutated from them. One that breaks it is made
 * smaller, kept in the corpus, and shown. `share`: of the runs, for what takes longer.
 */
export function fuzz(name: string, check: Check, share = 1): void {
  const corpus = corpusOf(name);
  const inputs = corpus.map(({ bytes }) => bytes);
  describe(`${name}, fuzzed`, () => {
    it.each(corpus)('holds on the corpus entry $file', ({ bytes }) => watched(() => check(bytes)));
    it('holds on inputs mutated from the corpus', async () => {
      const random = seeded(SEED ^ createHash('sha1').update(name).digest().readInt32LE());
      for (let left = runs(share); left > 0; left -= BATCH) {
        const batch = Array.from({ length: Math.min(left, BATCH) }, () => mutate(random, inputs));
        const broken = await firstBroken(batch, check);
        if (broken) throw await violation(name, broken, check);
      }
    });
  });
}

/** What fast-check is to do: the seed of this run, and its share of the runs. */
export const parameters = (share = 1): { seed: number; numRuns: number } => ({
  seed: SEED,
  numRuns: runs(share / 5),
});

/** That no reader has changed what every object has. */
export function expectCleanPrototypes(): void {
  for (const [object, properties] of PRISTINE) {
    const now = Object.getOwnPropertyDescriptors(object) as Record<string, PropertyDescriptor>;
    for (const key of Object.keys(now)) {
      if (now[key]?.value === properties[key]?.value && Object.hasOwn(properties, key)) continue;
      Object.defineProperties(object, properties);
      if (!Object.hasOwn(properties, key)) Reflect.deleteProperty(object, key);
      throw new Error(`the property ${key} of ${object === Object ? 'Object' : 'a prototype'} has been changed`);
    }
  }
}

/** What `read` throws, or null; anything but an error of this class breaks the rule. */
export function thrown<E extends Error>(read: () => unknown, expected: new (...args: never[]) => E): E | null {
  try {
    read();
    return null;
  } catch (error) {
    if (error instanceof expected) return error;
    throw error;
  }
}

/** `name=value` lines of an entry as the fields of a hash; a value goes on until a line that begins with another name. */
export function fieldsOf(input: Buffer): Map<string, Buffer> {
  const lines = input.toString('latin1').split(/\n(?=\w*=)/);
  return new Map(
    lines.map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, Math.max(at, 0)), Buffer.from(line.slice(at + 1), 'latin1')];
    }),
  );
}

/** JSON values with keys and texts that have a meaning somewhere. */
export const oddJson = fc.letrec<{ value: unknown; text: string }>((tie) => ({
  text: fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.constantFrom('__proto__', 'constructor', 'toString', 'toJSON', 'valueOf', 'NaN', '\ud800', '\ufeff', '\0', ''),
  ),
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(null, true, false, 0, -0, 1e16, 1e-7, 2 ** 53, Number.MAX_VALUE, Number.MIN_VALUE),
    fc.double(),
    fc.integer(),
    tie('text'),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(tie('text'), tie('value')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
  ),
})).value;

const runs = (share: number): number => Math.ceil(RUNS * share);

function corpusOf(name: string): { file: string; bytes: Buffer }[] {
  const folder = `${FOLDER}${name}/`;
  const files = readdirSync(folder).toSorted();
  if (files.length === 0) throw new Error(`there is no corpus in ${folder}`);
  return files.map((file) => ({ file, bytes: readFileSync(folder + file) }));
}

interface Broken {
  readonly input: Buffer;
  readonly cause: unknown;
}

async function firstBroken(batch: readonly Buffer[], check: Check): Promise<Broken | null> {
  let at = 0;
  // Up to the end of the batch, or to the next check that takes time.
  const some = (): Promise<void> | null => {
    for (; at < batch.length; at += 1) {
      const end = check(batch[at]!);
      if (end) return end.then(() => void (at += 1));
    }
    return null;
  };
  try {
    while (at < batch.length) await watched(some);
    return null;
  } catch (cause) {
    return { input: batch[at]!, cause };
  }
}

const script = new Script('globalThis.tsrqFuzzed()');

/** Runs `work`, and throws if it does not come to its end. */
function watched<T>(work: () => T): T {
  const place = globalThis as { tsrqFuzzed?: () => T };
  place.tsrqFuzzed = work;
  try {
    return script.runInThisContext({ timeout: HANGS_AFTER_MS }) as T;
  } finally {
    delete place.tsrqFuzzed;
  }
}

async function violation(name: string, broken: Broken, check: Check): Promise<Error> {
  const hangs = (broken.cause as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
  const { input, cause } = hangs ? broken : await smaller(broken, check);
  const file = createHash('sha1').update(input).digest('hex').slice(0, 12);
  writeFileSync(`${FOLDER}${name}/${file}`, input);
  const lines = [
    `${name} breaks its rule: ${cause instanceof Error ? cause.message : String(cause)}`,
    `input (base64): ${input.toString('base64')}`,
    `kept as test/fuzz/corpus/${name}/${file}; the same run again: TSRQ_FUZZ_SEED=${SEED} TSRQ_FUZZ_RUNS=${RUNS}`,
  ];
  return new Error(lines.join('\n'), { cause });
}

/** Takes pieces away for as long as the rule is still broken. */
async function smaller(broken: Broken, check: Check): Promise<Broken> {
  let least = broken;
  let attempts = 0;
  for (let size = Math.ceil(least.input.length / 2); size > 0; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < least.input.length && attempts < MAX_ATTEMPTS; attempts += 1) {
      const input = Buffer.concat([least.input.subarray(0, at), least.input.subarray(at + size)]);
      const still = await firstBroken([input], check);
      if (still) least = still;
      else at += size;
    }
  }
  return least;
}
