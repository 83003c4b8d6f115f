import { basename, dirname, extname, relative, resolve, sep } from 'node:path';
import type { Stats } from 'node:fs';
import type { HandlerSources } from '../worker/horses/handlers.js';
import type { Log } from './log.js';

/** What handlers are made of. Other files may be what jobs write. */
const CODE = new Set(['.js', '.mjs', '.cjs', '.jsx', '.ts', '.mts', '.cts', '.tsx', '.json']);
/** An editor or a build writes several files, and some of them twice: the reload comes when it has been still for so long. */
const STILL_MS = 150;

export interface HandlerWatch {
  close(): Promise<void>;
}

/**
 * Calls `onChange` when files that handlers may come from were changed, with what to say of it, once for those that change
 * together. Watched are the directories under which handlers are looked up and those of the job modules, with all that is below
 * them but `node_modules` and directories whose names begin with a dot. What cannot be watched is told, and is no failure.
 */
export async function watchHandlers(
  { jobFiles, roots }: HandlerSources,
  { log, onChange }: { readonly log: Log; readonly onChange: (what: string) => void },
): Promise<HandlerWatch> {
  const { watch } = await import('chokidar');
  const directories = [...new Set([...roots, ...jobFiles.map((file) => dirname(file))].map((path) => resolve(path)))];
  const changes = new Changes(onChange);
  let hasFailed = false;
  const watcher = watch(directories, {
    ignoreInitial: true,
    ignored: (path, stats) => isIgnored(directories, resolve(path), stats),
  });
  watcher
    .on('all', (_, path) => {
      changes.add(path);
    })
    .on('ready', () => {
      const message = `Watching ${directories.map(shown).join(', ')}: new jobs run what is saved there`;
      log({ level: 'info', event: 'watching', message });
    })
    .on('error', (error) => {
      if (hasFailed) return;
      hasFailed = true;
      const message = `not all files can be watched: ${error instanceof Error ? error.message : String(error)}; SIGHUP loads fresh code`;
      log({ level: 'warning', event: 'watching', message });
    });
  return {
    close: async () => {
      changes.close();
      await watcher.close();
    },
  };
}

/** Files that change together. */
class Changes {
  readonly #tell: (what: string) => void;
  readonly #files = new Set<string>();
  #timer: NodeJS.Timeout | null = null;

  constructor(tell: (what: string) => void) {
    this.#tell = tell;
  }

  add(path: string): void {
    this.#files.add(resolve(path));
    this.close();
    this.#timer = setTimeout(() => {
      const [first = '', ...others] = this.#files;
      this.#files.clear();
      const more = others.length === 0 ? '' : ` and ${others.length} more`;
      this.#tell(`${shown(first)}${more} changed`);
    }, STILL_MS);
  }

  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
  }
}

/** A directory that was named is watched though it lies below one that is left out. `stats`: once they are known. */
function isIgnored(directories: readonly string[], path: string, stats: Stats | undefined): boolean {
  if (stats?.isFile() === true && !CODE.has(extname(path))) return true;
  return !directories.some((directory) => {
    const way = relative(directory, path).split(sep);
    const folders = stats?.isFile() === true ? way.slice(0, -1) : way;
    return way[0] !== '..' && !folders.some((name) => name === 'node_modules' || /^\.[^.]/.test(name));
  });
}

const shown = (path: string): string => {
  const way = relative(process.cwd(), path);
  return way === '' ? basename(path) : way.startsWith('..') ? path : way;
};
