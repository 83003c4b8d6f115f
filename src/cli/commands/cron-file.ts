import { existsSync, readFileSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { parseEntries, type CronEntry } from '../../cron/entry.js';
import { TsrqError } from '../../errors.js';
import { loads } from '../../protocol/json.js';
import type { Loaded } from '../cron-module.js';

const MODULES = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'];

/** The entries of a cron file: JSON, YAML, or a module by its default export. Throws CONFIG with every problem. */
export async function readCronFile(file: string, cwd: string): Promise<CronEntry[]> {
  const path = resolve(cwd, file);
  if (!existsSync(path)) {
    const hint = 'a cron file is JSON, YAML, JavaScript or TypeScript; a dotted module name of Python is none';
    throw new TsrqError('CONFIG', `there is no cron file ${file}`, { hint });
  }
  const value = await load(path, file);
  return parseEntries(value, file);
}

async function load(path: string, file: string): Promise<unknown> {
  try {
    return await (MODULES.includes(extname(path)) ? evaluate(path) : parse(path));
  } catch (error) {
    const lines = (error as Error).message.split('\n').slice(0, 6).join('\n  ');
    throw new TsrqError('CONFIG', `the cron file ${file} cannot be read: ${lines}`, { cause: error });
  }
}

/** By its ending; one without a known one is read as YAML, which JSON is a part of. */
async function parse(path: string): Promise<unknown> {
  const { defaultLoaders } = await import('cosmiconfig');
  const text = readFileSync(path, 'utf8');
  if (extname(path) !== '.json') return exact(defaultLoaders['.yaml'](path, text));
  const value: unknown = defaultLoaders['.json'](path, text);
  // It has told what is wrong, and where; this one reads what is right, whole numbers of any size.
  return value === undefined || value === null ? value : loads(text.replace(/^\ufeff/, ''));
}

/** Throws for a whole number that the reader of YAML has rounded: a job would be enqueued with another. */
function exact(value: unknown): unknown {
  const seen = new Set<object>();
  const look = (item: unknown): void => {
    if (typeof item === 'number' && Number.isInteger(item) && !Number.isSafeInteger(item))
      throw new Error(`the number ${item} is too large to be read from YAML as it is: write it as a text, or use JSON`);
    // Aliases: what is in several places, or in itself, is looked at once.
    if (typeof item !== 'object' || item === null || seen.has(item)) return;
    seen.add(item);
    Object.values(item).forEach(look);
  };
  look(value);
  return value;
}

/** The default export of a module as it is now, its imports included. It must be plain data. */
async function evaluate(path: string): Promise<unknown> {
  const thread = new Worker(new URL('../cron-module.js', import.meta.url), { workerData: path });
  const loaded = new Promise<Loaded>((resolve, reject) => {
    thread.once('message', resolve);
    thread.once('error', reject);
    thread.once('exit', () => {
      reject(new Error('the module ended the process'));
    });
  });
  try {
    const result = await loaded;
    if ('value' in result) return result.value;
    throw new Error(result.problem);
  } finally {
    await thread.terminate();
  }
}
