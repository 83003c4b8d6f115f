import type { z } from 'zod';
import type { RedisTarget } from '../redis/target.js';
import { describeTarget } from '../redis/target.js';
import { resolveQueues, TargetBuilder } from './connections.js';
import { environmentLayers, named } from './environment.js';
import { readConfigFile, type ConfigFile } from './file.js';
import { MergedLayers, type Layer } from './layers.js';
import { isPlain } from './plain.js';
import { Problems, shown, withoutSecrets } from './problems.js';
import { isRecord, RQ_SETTINGS, translate } from './rq-settings.js';
import type { FileConfig } from './schema.js';
import type { Entry, FlagValues, NamedConnection, Settings } from './settings.js';
import { nearest } from './suggest.js';
import { workerSettings, DEFAULTS } from './worker-settings.js';

export interface ConfigInput {
  readonly flags: Partial<FlagValues>;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** An application's own settings, in place of file and environment; `name`: what problems are told of. */
  readonly given?: { readonly values: Readonly<Record<string, unknown>>; readonly name: string };
}

/**
 * The effective configuration: flags, environment, file and defaults merged value by value, each with its source.
 * Throws CONFIG with every problem there is.
 */
export async function loadSettings({ flags, env, cwd, given }: ConfigInput): Promise<Settings> {
  const problems = new Problems();
  const file = given ? null : await readConfigFile(namedFile(flags, env), env, cwd);
  const layers = [
    { values: DEFAULTS, nameOf: () => 'default' },
    ...(file ? fileLayers(file, problems) : []),
    ...(given ? [{ values: given.values, nameOf: () => given.name }] : environmentLayers(env, problems)),
    flagLayer(flags),
  ];
  const merged = new MergedLayers(layers, problems);
  const config = await validate(merged, problems);
  const settings = build(config, merged, { flags, env, cwd, file }, problems);
  problems.throwIfAny();
  return settings;
}

function namedFile(flags: Partial<FlagValues>, env: NodeJS.ProcessEnv): { path: string; source: string } | null {
  if (flags.config !== undefined) return { path: flags.config, source: 'flag --config' };
  for (const variable of ['TSRQ_CONFIG', 'RQ_CONFIG']) {
    const path = env[variable];
    if (path) return { path, source: `environment ${variable}` };
  }
  return null;
}

/** RQ's settings in the file stand below its own: who writes both means the latter. */
function fileLayers({ path, values }: ConfigFile, problems: Problems): Layer[] {
  const entries = Object.entries(values).filter(([key]) => key !== '$schema');
  const isRq = ([key]: [string, unknown]): boolean => RQ_SETTINGS.includes(key);
  const rq = Object.fromEntries(entries.filter(isRq));
  const own = Object.fromEntries(entries.filter((entry) => !isRq(entry)));
  return [named(translate(rq, path, problems), path), { values: own, nameOf: () => path }];
}

function flagLayer(flags: Partial<FlagValues>): Layer {
  const level = flags.verbose === true ? 'debug' : flags.quiet === true ? 'warning' : flags.loggingLevel?.toLowerCase();
  const log = {
    ...(level === undefined ? {} : { level }),
    ...(flags.logFormat === undefined ? {} : { format: flags.logFormat }),
  };
  const { url, connection, queues, worker } = flags;
  return {
    values: {
      ...(url === undefined ? {} : { redis: { url } }),
      ...(connection === undefined ? {} : { connection }),
      ...(queues === undefined ? {} : { queues }),
      ...(worker === undefined || Object.keys(worker).length === 0 ? {} : { worker }),
      ...(Object.keys(log).length === 0 ? {} : { log }),
    },
    nameOf: (path) => {
      if (path === 'queues') return 'arguments';
      if (path === 'log.level')
        return flags.verbose === true
          ? 'flag --verbose'
          : flags.quiet === true
            ? 'flag --quiet'
            : 'flag --logging-level';
      if (path.startsWith('redis.') || path.startsWith('sentinel.')) return 'flag --url';
      const option = path.replace(/^worker\./, '').replace('log.format', 'logFormat');
      return `flag --${option.replace(/[A-Z]/g, '-$&').toLowerCase()}`;
    },
  };
}

async function validate(merged: MergedLayers, problems: Problems): Promise<FileConfig> {
  const values = merged.toObject();
  if (merged.changed().every(isPlain)) return values;
  const { fileSchema, knownKeys } = await import('./schema.js');
  const result = fileSchema.safeParse(values);
  if (result.success) return result.data;
  const issues = result.error.issues.flatMap(innerIssues);
  for (const issue of issues) {
    const path = issue.path.join('.');
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        const full = path === '' ? key : `${path}.${key}`;
        const near = nearest(key, path === '' ? [...knownKeys([]), ...RQ_SETTINGS] : knownKeys(issue.path));
        problems.add(merged.sourceOf(full), full, `unknown key${near === null ? '' : `; did you mean "${near}"?`}`);
      }
      continue;
    }
    problems.add(merged.sourceOf(path), path, `is ${shown(path, valueAt(values, issue.path))}: ${needed(issue)}`);
  }
  // On with what is right, so that what is wrong with connections is said in the same breath.
  const rest = fileSchema.safeParse(withoutFaults(values, issues));
  if (!rest.success) problems.throwIfAny();
  return rest.data ?? {};
}

const STAND_INS: Readonly<Record<string, string>> = { connections: 'redis://localhost', queueConnections: 'default' };

/** The values without the wrong ones. A connection or queue that is wrong stays known by its name: others may refer to it. */
function withoutFaults(values: Readonly<Record<string, unknown>>, issues: readonly Issue[]): Record<string, unknown> {
  const rest = new Map(Object.entries(values));
  const faults = issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' && issue.path.length < 2
      ? issue.keys.map((key) => [...issue.path, key])
      : [issue.path],
  );
  for (const [section, key] of faults.map((path) => path.map(String))) {
    if (section === undefined) continue;
    const inner = rest.get(section);
    const standIn = STAND_INS[section];
    if (section === 'redis' || section === 'sentinel') ['redis', 'sentinel'].forEach((name) => rest.delete(name));
    else if (key === undefined || !isRecord(inner)) {
      rest.delete(section);
      if (section === 'connections') ['connection', 'queueConnections'].forEach((name) => rest.delete(name));
    } else if (standIn !== undefined) rest.set(section, { ...inner, [key]: standIn });
    else rest.set(section, Object.fromEntries(Object.entries(inner).filter(([name]) => name !== key)));
  }
  return Object.fromEntries(rest);
}

type Issue = z.core.$ZodIssue;

/** For a value of several forms, what is wrong with the form that was meant: the one with an object's keys, if it is an object. */
function innerIssues(issue: Issue): Issue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const branches = issue.errors.filter(
    (branch) => !branch.some((inner) => inner.code === 'invalid_type' && inner.path.length === 0),
  );
  const meant = branches.toSorted((a, b) => a.length - b.length)[0];
  if (!meant) return [issue];
  return meant.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
}

function needed(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `${typeName(issue.expected)} is needed`;
    case 'invalid_union': {
      const types = issue.errors
        .flat()
        .flatMap((inner) => (inner.code === 'invalid_type' ? [typeName(inner.expected)] : []));
      return `${[...new Set(types)].join(' or ')} is needed`;
    }
    case 'invalid_value':
      return `one of ${issue.values.map(String).join(', ')} is needed`;
    case 'too_small':
      if (issue.origin === 'string' || issue.origin === 'array') return 'it must not be empty';
      return `it must be ${issue.inclusive === true ? 'at least' : 'more than'} ${String(issue.minimum)}`;
    case 'too_big':
      return `it must be at most ${String(issue.maximum)}`;
    case 'invalid_format':
      return 'a size as 512M or 1G is needed';
    default:
      return issue.message;
  }
}

function typeName(type: string): string {
  if (type === 'int') return 'a whole number';
  if (type === 'record') return 'an object';
  return `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`;
}

function valueAt(values: unknown, path: readonly PropertyKey[]): unknown {
  let value = values;
  for (const key of path)
    value = isRecord(value) || Array.isArray(value) ? (value as Record<PropertyKey, unknown>)[key] : undefined;
  return value;
}

function build(
  config: FileConfig,
  merged: MergedLayers,
  input: ConfigInput & { readonly file: ConfigFile | null },
  problems: Problems,
): Settings {
  const sourceOf = (path: string): string => merged.sourceOf(path);
  const configFile = input.file?.path ?? null;
  const builder = new TargetBuilder({ configFile, cwd: input.cwd, env: input.env }, problems, sourceOf);
  const connections: Record<string, RedisTarget> = Object.fromEntries(
    Object.entries(config.connections ?? {}).map(([name, connection]) => [
      name,
      builder.named(connection, `connections.${name}`),
    ]),
  );
  if (Object.hasOwn(connections, 'default')) {
    const path = 'connections.default';
    problems.add(sourceOf(path), path, "'default' is the connection of redis or sentinel: it belongs there");
  }
  const main = builder.main(config.redis, config.sentinel);
  connections['default'] ??= main;

  const chosen = chooseDefault(config, input.flags, connections, problems, sourceOf);
  const target = chosen === null ? main : (connections[chosen] ?? main);
  const explicit = input.flags.url !== undefined || input.flags.connection !== undefined;
  const mapped = resolveQueues(config.queueConnections ?? {}, connections, builder, problems, sourceOf);
  const defaultName = chosen ?? 'default';
  const connectionNameOf = (queue: string): string => {
    const name = explicit ? 'default' : (mapped.get(queue) ?? 'default');
    return name === 'default' ? defaultName : name;
  };
  const targetOf = (queue: string): RedisTarget => {
    const name = connectionNameOf(queue);
    return name === defaultName ? target : (connections[name] ?? target);
  };
  return Object.freeze({
    target,
    connections: Object.freeze(connections),
    queues: Object.freeze(config.queues ?? ['default']),
    worker: Object.freeze(workerSettings(config.worker ?? {})),
    log: Object.freeze({ level: config.log?.level ?? 'info', format: config.log?.format ?? 'auto' }),
    configFile,
    targetOf,
    connectionNameOf,
    usedConnections: () =>
      usedConnections(defaultName, target, explicit ? [] : [...mapped.keys()], connectionNameOf, targetOf),
    entries: () =>
      [...merged.entries(), where(target, chosen)].map(withoutSecretsIn).toSorted((a, b) => (a.path < b.path ? -1 : 1)),
  });
}

/** Which named connection is the default; null for the sections `redis` and `sentinel`. */
function chooseDefault(
  config: FileConfig,
  flags: Partial<FlagValues>,
  connections: Readonly<Record<string, RedisTarget>>,
  problems: Problems,
  sourceOf: (path: string) => string,
): string | null {
  const name = config.connection;
  if (name === undefined || (flags.url !== undefined && flags.connection === undefined)) return null;
  if (name === 'default' || Object.hasOwn(connections, name)) return name;
  const near = nearest(name, Object.keys(connections));
  const known = Object.keys(connections).filter((other) => other !== 'default');
  const hint =
    near === null ? `; there are ${known.length === 0 ? 'none' : known.join(', ')}` : `; did you mean "${near}"?`;
  problems.add(sourceOf('connection'), 'connection', `there is no connection named ${shown('', name)}${hint}`);
  return null;
}

function usedConnections(
  defaultName: string,
  target: RedisTarget,
  queues: readonly string[],
  nameOf: (queue: string) => string,
  targetOf: (queue: string) => RedisTarget,
): NamedConnection[] {
  const used = new Map<string, RedisTarget>([[defaultName, target]]);
  for (const queue of queues) used.set(nameOf(queue), targetOf(queue));
  return [...used].map(([name, connection]) => ({ name, target: connection }));
}

/** Secrets within a value of several parts are hidden as well. */
const withoutSecretsIn = (entry: Entry): Entry => ({ ...entry, value: withoutSecrets(entry.value ?? null) });

function where(target: RedisTarget, chosen: string | null): Entry {
  return {
    path: 'connection in use',
    value: describeTarget(target),
    source: chosen === null ? 'redis, sentinel' : `connections.${chosen}`,
  };
}
