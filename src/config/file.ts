import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { TsrqError } from '../errors.js';
import { isRecord } from './rq-settings.js';

export interface ConfigFile {
  readonly path: string;
  readonly values: Readonly<Record<string, unknown>>;
}

const NAMES = [
  'package.json',
  ...['', '.json', '.yaml', '.yml'].map((ending) => `.tsrqrc${ending}`),
  ...['json', 'yaml', 'js', 'mjs', 'cjs'].map((ending) => `tsrq.config.${ending}`),
];

/** The configuration file: the named one, else the first found in the working directory, the user's and the system's. */
export async function readConfigFile(
  named: { readonly path: string; readonly source: string } | null,
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<ConfigFile | null> {
  if (named) return load(resolve(cwd, named.path), `${named.source}: `);
  const user = env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config');
  for (const directory of [cwd, join(user, 'tsrq'), '/etc/tsrq']) {
    for (const name of NAMES) {
      const path = join(directory, name);
      if (!existsSync(path) || (name === 'package.json' && !mayHoldSettings(path))) continue;
      const found = await load(path, '');
      if (found) return found;
    }
  }
  return null;
}

/** Loading the reader takes longer than most commands: not for a package.json that is none of ours. */
function mayHoldSettings(path: string): boolean {
  try {
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isRecord(content) && 'tsrq' in content;
  } catch {
    return true;
  }
}

async function load(path: string, source: string): Promise<ConfigFile | null> {
  if (!existsSync(path)) throw missing(path, source);
  const { cosmiconfig, defaultLoaders } = await import('cosmiconfig');
  // A file of another name is read by its ending; one without an ending as YAML, which JSON is a part of.
  const explorer = cosmiconfig('tsrq', { stopDir: dirname(path), loaders: { noExt: defaultLoaders['.yaml'] } });
  let config: unknown;
  try {
    const result = await explorer.load(path);
    if (!result || result.isEmpty === true) return path.endsWith('package.json') ? null : { path, values: {} };
    config = result.config;
  } catch (error) {
    throw new TsrqError('CONFIG', `${source}the configuration file ${path} cannot be read: ${reason(error)}`, {
      cause: quotesTheFile(error) ? undefined : error,
    });
  }
  if (config === undefined && path.endsWith('package.json')) return null;
  if (!isRecord(config))
    throw new TsrqError('CONFIG', `${source}the configuration file ${path} does not hold an object`);
  if (!isBounded(config))
    throw new TsrqError(
      'CONFIG',
      `${source}the configuration file ${path} is nested deeper than ${MAX_DEPTH} levels, or holds more than ${MAX_VALUES} values`,
      { hint: 'in YAML, look for an alias (*name) within its own anchor (&name)' },
    );
  return { path, values: config };
}

/** YAML's aliases make a few lines a value without end, which whoever shows it would walk. */
const MAX_DEPTH = 20;
const MAX_VALUES = 100_000;

function isBounded(config: object): boolean {
  let level: unknown[] = [config];
  let count = 0;
  for (let depth = 0; level.length > 0; depth += 1) {
    count += level.length;
    if (depth > MAX_DEPTH || count > MAX_VALUES) return false;
    const next: unknown[] = [];
    for (const value of level) {
      if (typeof value !== 'object' || value === null) continue;
      for (const inner of Object.values(value)) if (next.push(inner) > MAX_VALUES) return false;
    }
    level = next;
  }
  return true;
}

/** What parsers say holds a piece of the file, and with it perhaps a password: it is neither shown nor kept as cause. */
const quotesTheFile = (error: unknown): boolean => ['JSONError', 'YAMLException'].includes((error as Error).name);

function reason(error: unknown): string {
  const { name, message, mark } = error as Error & { mark?: { line: number } };
  if (name === 'YAMLException') return `line ${(mark?.line ?? 0) + 1} is not valid YAML`;
  if (name !== 'JSONError') return message.split('\n')[0] ?? '';
  // Coloured where the environment asks for colours, CI among it.
  const line = /^> *(\d+) \|/m.exec(stripVTControlCharacters(message))?.[1];
  return `${line === undefined ? 'it' : `line ${line}`} is not valid JSON (which has no comments and no trailing commas)`;
}

function missing(path: string, source: string): TsrqError {
  const isModule = !/[/\\]/.test(path.slice(path.lastIndexOf('/') + 1)) && !/\.(json|ya?ml|[mc]?js)$/.test(path);
  const hint = isModule
    ? "tsrq reads JSON, YAML and JavaScript files; RQ's Python settings module cannot be read: write its settings into one of these"
    : 'check the path';
  return new TsrqError('CONFIG', `${source}there is no configuration file ${path}`, { hint });
}
