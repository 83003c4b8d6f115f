import type { FlagValues, Settings } from '../config/settings.js';
import type { Redis } from '../redis/redis.js';
import type { RedisTarget } from '../redis/target.js';
import { outputOf, type ColourChoice, type Output } from './output.js';

/** What the command line gives every command: the process, seen through a keyhole. */
export interface Cli {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** `--json` was given. */
  readonly json: boolean;
  /** `--quiet` was given. */
  readonly quiet: boolean;
  /** The effective configuration; the common flags are merged in. Without others it is read once. Throws CONFIG with every problem. */
  settings(flags?: Partial<FlagValues>): Promise<Settings>;
  /** The connection to that Redis, which fails fast; closed when the command has ended. */
  connect(target: RedisTarget): Promise<Redis>;
  /** Fires at the first SIGINT or SIGTERM, for commands that ask for it. */
  interruption(): AbortSignal;
  /** Goes on when nobody reads what is printed any more: for commands that change something. Others end then. */
  outliveReader(): void;
  /** What the process will exit with, unless an error is thrown. */
  exitCode: number;
}

/** The options that every command has; `program.ts` sets them once they are parsed. */
export interface CommonFlags {
  url?: string;
  config?: string;
  connection?: string;
  verbose?: boolean;
  quiet?: boolean;
  json?: boolean;
  color?: boolean;
}

export interface ProcessCli extends Cli {
  readonly flags: CommonFlags;
  /** Nobody needs to read what the command prints. */
  readonly outlivesReader: boolean;
  /** Closes what commands have opened. */
  close(): void;
}

/** The `Cli` of this process. */
export function processCli(): ProcessCli {
  const flags: CommonFlags = {};
  const open = new Map<string, Redis>();
  let plain: Promise<Settings> | null = null;
  const choice = (): ColourChoice => (flags.color === false ? 'never' : 'auto');
  let interruption: AbortController | null = null;
  let outlivesReader = false;
  return {
    flags,
    stdout: outputOf(process.stdout, process.env, choice),
    stderr: outputOf(process.stderr, process.env, choice),
    env: process.env,
    cwd: process.cwd(),
    get json() {
      return flags.json === true;
    },
    get quiet() {
      return flags.quiet === true;
    },
    exitCode: 0,
    get outlivesReader() {
      return outlivesReader;
    },
    outliveReader: () => {
      outlivesReader = true;
    },
    settings: async (own) => {
      const load = async (): Promise<Settings> => {
        const { loadSettings } = await import('../config/load.js');
        const { url, config, connection, verbose, quiet } = flags;
        const common = defined({ url, config, connection, verbose, quiet });
        return loadSettings({ flags: { ...common, ...own }, env: process.env, cwd: process.cwd() });
      };
      return own === undefined ? (plain ??= load()) : load();
    },
    connect: async (target) => {
      const { connect } = await import('../redis/connect.js');
      const key = JSON.stringify(target);
      const redis = open.get(key) ?? connect(target, { role: 'producer', name: 'tsrq' });
      open.set(key, redis);
      return redis;
    },
    interruption: () => {
      interruption ??= watchSignals();
      return interruption.signal;
    },
    close: () => {
      for (const redis of open.values()) redis.close();
    },
  };
}

function watchSignals(): AbortController {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      controller.abort(signal);
    });
  }
  return controller;
}

/** The entries that have a value: an option that was not given must not hide another source's. */
export function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
