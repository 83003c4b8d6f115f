import { existsSync, readFileSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { parseEntries, type CronEntry } from '../cron/entry.js';
import { TsrqError } from '../errors.js';
import { importFresh } from '../worker/horses/module.js';

const MODULES = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'];

/** The entries of a cron file: JSON, YAML, or a module by its default export (or `jobs`). Throws CONFIG with every problem. */
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
    if (!MODULES.includes(extname(path))) return await parse(path);
    const module = await importFresh(path);
    return module['default'] ?? module['jobs'];
  } catch (error) {
    const lines = (error as Error).message.split('\n').slice(0, 6).join('\n  ');
    throw new TsrqError('CONFIG', `the cron file ${file} cannot be read: ${lines}`, { cause: error });
  }
}

/** By its ending; one without a known one is read as YAML, which JSON is a part of. */
async function parse(path: string): Promise<unknown> {
  const { defaultLoaders } = await import('cosmiconfig');
  const text = readFileSync(path, 'utf8');
  return defaultLoaders[extname(path) === '.json' ? '.json' : '.yaml'](path, text) as unknown;
}
