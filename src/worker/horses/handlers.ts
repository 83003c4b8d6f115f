import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { handlerOf, registeredHandler, registeredNames, type Handler } from '../../jobs/define.js';
import { importModule } from './module.js';

/** Where a worker finds the functions of jobs. */
export interface HandlerSources {
  /** Modules that register jobs by name. */
  readonly jobFiles: readonly string[];
  /** Directories under which a dotted name is looked up as module and export. */
  readonly roots: readonly string[];
  /** No lookup by module and export. */
  readonly onlyRegistered: boolean;
}

/** No handler for a job's name; the message lists where it was looked for. */
export class HandlerError extends Error {
  override readonly name = 'HandlerError';
}

const EXTENSIONS = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'];

/** Finds the function that a job's name means. Never loads a file outside the roots, nor from `node_modules`. */
export class Handlers {
  readonly #sources: HandlerSources;
  readonly #named: ReadonlyMap<string, Handler>;
  readonly #found = new Map<string, Handler>();
  readonly #problems: string[] = [];

  /** `named`: functions that are there already, by their names. */
  constructor(sources: HandlerSources, named: Readonly<Record<string, Handler>> = {}) {
    this.#sources = sources;
    this.#named = new Map(Object.entries(named).map(([name, handler]) => [name, handlerOf(handler)]));
  }

  /** Loads the job modules; returns a sentence for each that cannot be loaded. */
  async load(): Promise<readonly string[]> {
    for (const file of this.#sources.jobFiles) {
      try {
        await importModule(resolve(file));
      } catch (error) {
        this.#problems.push(`the jobs module ${file} cannot be loaded: ${firstLine(error)}`);
      }
    }
    return this.#problems;
  }

  /** The handler of that name, if it has been found before. */
  known(name: string): Handler | null {
    return this.#named.get(name) ?? registeredHandler(name) ?? this.#found.get(name) ?? null;
  }

  async resolve(name: string): Promise<Handler> {
    const known = this.known(name);
    if (known) return known;
    if (this.#sources.onlyRegistered) throw this.#notFound(name, []);
    const place = splitName(name);
    if (!place) throw this.#notFound(name, [`'${shown(name)}' is no dotted name of a module and its export`]);
    const tried: string[] = [];
    for (const root of this.#sources.roots) {
      const exported = await this.#lookIn(resolve(root), place, tried);
      // A module may register this very name when it is loaded: that goes first, for the first job as for later ones.
      const handler = registeredHandler(name) ?? exported;
      if (handler) {
        this.#found.set(name, handler);
        return handler;
      }
    }
    throw this.#notFound(name, tried);
  }

  async #lookIn(
    root: string,
    { path, exported }: { path: readonly string[]; exported: string },
    tried: string[],
  ): Promise<Handler | null> {
    const file = await findModule(root, path);
    if (file === null) {
      tried.push(`${join(root, ...path)}{${EXTENSIONS.join(',')}} and ${join(...path)}/index.*: no such file`);
      return null;
    }
    let module: Readonly<Record<string, unknown>>;
    try {
      module = await importModule(file);
    } catch (error) {
      throw new HandlerError(`the module ${file} cannot be loaded: ${firstLine(error)}`, { cause: error });
    }
    const handler = ownFunction(module, exported) ?? ownFunction(module['default'], exported);
    if (!handler) tried.push(`${file}: no exported function '${exported}'`);
    return handler;
  }

  #notFound(name: string, tried: readonly string[]): HandlerError {
    const names = [...this.#named.keys(), ...registeredNames()];
    const lines = [
      `no handler for '${shown(name)}'`,
      'Looked for:',
      `  a job registered under that name: ${names.length === 0 ? 'none is registered' : `there are ${names.slice(0, 20).join(', ')}`}`,
      ...tried.map((line) => `  ${line}`),
      ...this.#problems.map((line) => `  (${line})`),
    ];
    if (this.#sources.onlyRegistered) lines.push('  (lookup by module is switched off by --only-registered)');
    return new HandlerError(lines.join('\n'));
  }
}

/** No system has longer paths; a longer name would cost time and fill messages, and a huge one overflow the stack. */
const MAX_LENGTH = 4_096;

/** `app.mail.send` is the export `send` of the module `app/mail`; null for what cannot be a name of that form. */
function splitName(name: string): { path: string[]; exported: string } | null {
  if (name.length > MAX_LENGTH) return null;
  const parts = name.split('.');
  const exported = parts.pop();
  if (exported === undefined || parts.length === 0) return null;
  if (!parts.every((part) => /^[\w-]+$/.test(part) && part !== 'node_modules')) return null;
  return /^[A-Za-z_$][\w$]*$/.test(exported) ? { path: parts, exported } : null;
}

async function findModule(root: string, path: readonly string[]): Promise<string | null> {
  const base = join(root, ...path);
  for (const candidate of [base, join(base, 'index')]) {
    for (const extension of EXTENSIONS) {
      const file = await insideRoot(root, candidate + extension);
      if (file !== null) return file;
    }
  }
  return null;
}

/** The file's real path, if it is a file below the root's real path: a symbolic link cannot lead out. */
async function insideRoot(root: string, file: string): Promise<string | null> {
  try {
    const [realRoot, realFile] = await Promise.all([realpath(root), realpath(file)]);
    const way = relative(realRoot, realFile);
    if (way.startsWith('..') || isAbsolute(way) || way.split(sep).includes('node_modules')) return null;
    return (await stat(realFile)).isFile() ? realFile : null;
  } catch {
    return null;
  }
}

function ownFunction(holder: unknown, name: string): Handler | null {
  if ((typeof holder !== 'object' && typeof holder !== 'function') || holder === null) return null;
  if (!Object.hasOwn(holder, name)) return null;
  const value = (holder as Record<string, unknown>)[name];
  return typeof value === 'function' ? handlerOf(value as Handler) : null;
}

const shown = (name: string): string => (name.length > 200 ? `${name.slice(0, 200)}…` : name);

function firstLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const line = `${error.name}: ${error.message}`.split('\n')[0] ?? error.name;
  return line.length > 500 ? `${line.slice(0, 500)}…` : line;
}
