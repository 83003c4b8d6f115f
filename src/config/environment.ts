import type { Layer } from './layers.js';
import type { Problems } from './problems.js';
import { translate, type Translated } from './rq-settings.js';

type Kind = 'text' | 'number' | 'boolean' | 'list';

/** The options of the worker that `TSRQ_<OPTION>` sets. */
const WORKER: Readonly<Record<string, Kind>> = {
  concurrency: 'number',
  isolation: 'text',
  jobsPerHorse: 'number',
  maxJobsPerHorse: 'number',
  maxMemory: 'text',
  dequeueStrategy: 'text',
  maxJobs: 'number',
  maxIdleTime: 'number',
  jobs: 'list',
  path: 'list',
  onlyRegistered: 'boolean',
  exceptionHandler: 'list',
  name: 'text',
  serializer: 'text',
  withScheduler: 'boolean',
  defaultTimeout: 'number',
  resultsTtl: 'number',
  workerTtl: 'number',
  maintenanceInterval: 'number',
  jobMonitoringInterval: 'number',
  shutdownTimeout: 'number',
  connectTimeout: 'number',
  claimAhead: 'boolean',
  limit: 'list',
  durable: 'number',
  burst: 'boolean',
  watch: 'boolean',
  disableJobDescLogging: 'boolean',
  pid: 'text',
  metrics: 'text',
};

/** `maxJobsPerHorse` → `TSRQ_MAX_JOBS_PER_HORSE`. */
export const variableOf = (option: string): string => `TSRQ_${option.replace(/[A-Z]/g, '_$&').toUpperCase()}`;

/** First RQ's settings in the environment, then tsrq's own. An empty value counts as not set. */
export function environmentLayers(env: NodeJS.ProcessEnv, problems: Problems): Layer[] {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const { NAME: _name, QUEUES: _queues, SENTINEL: _sentinel, ...settings } = set;
  const rq = translate(settings, 'environment', problems);
  return [named(rq, 'environment'), urlLayer(set), ownLayer(set, problems)];
}

/** The layer of translated settings; values keep the names they have in RQ. */
export function named({ values, settingOf }: Translated, source: string): Layer {
  return { values, nameOf: (path) => `${source} ${settingOf.get(path) ?? path}` };
}

function urlLayer(env: NodeJS.ProcessEnv): Layer {
  const name = ['TSRQ_REDIS_URL', 'RQ_REDIS_URL'].find((variable) => env[variable] !== undefined);
  return {
    values: name === undefined ? {} : { redis: { url: env[name] } },
    nameOf: () => `environment ${name ?? ''}`,
  };
}

function ownLayer(env: NodeJS.ProcessEnv, problems: Problems): Layer {
  const worker: Record<string, unknown> = {};
  for (const [option, kind] of Object.entries(WORKER)) {
    const text = env[variableOf(option)];
    if (text !== undefined) worker[option] = read(text, kind, variableOf(option), problems);
  }
  const queues = env['TSRQ_QUEUES'];
  const level = env['TSRQ_LOGGING_LEVEL'];
  const format = env['TSRQ_LOG_FORMAT'];
  const connection = env['TSRQ_CONNECTION'];
  return {
    values: {
      ...(Object.keys(worker).length === 0 ? {} : { worker }),
      ...(queues === undefined ? {} : { queues: list(queues) }),
      ...(connection === undefined ? {} : { connection }),
      ...(level === undefined && format === undefined ? {} : { log: { level: level?.toLowerCase(), format } }),
    },
    nameOf: (path) => {
      if (path === 'log.level') return 'environment TSRQ_LOGGING_LEVEL';
      return `environment ${variableOf(path.replace(/^worker\./, '').replace('log.format', 'logFormat'))}`;
    },
  };
}

function read(text: string, kind: Kind, variable: string, problems: Problems): unknown {
  if (kind === 'number') return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
  if (kind === 'list') return list(text);
  if (kind === 'text') return text;
  if (/^(1|true|yes|on)$/i.test(text)) return true;
  if (/^(0|false|no|off)$/i.test(text)) return false;
  problems.add(`environment ${variable}`, '', `is '${text}': true or false is needed`);
  return undefined;
}

const list = (text: string): string[] => text.split(/[,\s]+/).filter((item) => item !== '');
