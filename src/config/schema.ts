import { z } from 'zod';
import { isLimit } from './limits.js';

const text = z.string().min(1);
const optionalText = text.nullable();
/** A URL in place of a host would be shown with its password wherever a connection is named. */
const host = text.refine(
  (value) => !/[\s/@]/.test(value),
  'the name or address of a host is needed; a URL goes into url',
);
const port = z.number().int().min(1).max(65_535);
const db = z.number().int().min(0);
const count = z.number().int().min(1);
const seconds = z.number().positive();
const ttl = z.number().int().min(-1);

const tls = z.union([
  z.boolean(),
  z.strictObject({
    ca: text.optional(),
    cert: text.optional(),
    key: text.optional(),
    servername: text.optional(),
    rejectUnauthorized: z.boolean().optional(),
    checkHostname: z.boolean().optional(),
  }),
]);

const redis = z.strictObject({
  url: text.optional(),
  host: host.optional(),
  port: port.optional(),
  db: db.optional(),
  username: optionalText.optional(),
  password: optionalText.optional(),
  passwordFile: optionalText.optional(),
  path: text.optional(),
  tls: tls.optional(),
});

const sentinel = z.strictObject({
  instances: z.array(text).min(1).optional(),
  masterName: text.optional(),
  db: db.optional(),
  username: optionalText.optional(),
  password: optionalText.optional(),
  passwordFile: optionalText.optional(),
  socketTimeoutSeconds: seconds.nullable().optional(),
  tls: tls.optional(),
  sentinelUsername: optionalText.optional(),
  sentinelPassword: optionalText.optional(),
  sentinelTls: tls.optional(),
});

export const STRATEGIES = ['ordered', 'default', 'round_robin', 'round-robin', 'random', 'weighted'] as const;

const limit = text.refine(isLimit, 'a queue and its limit are needed, as mail=10/s (or /m, /h; up to 10000) or mail=5');

const worker = z.strictObject({
  concurrency: count.optional(),
  isolation: z.enum(['process', 'none']).optional(),
  jobsPerHorse: count.optional(),
  maxJobsPerHorse: count.nullable().optional(),
  maxMemory: z
    .union([z.number().positive(), z.string().regex(/^(?=.*[1-9])\d+(\.\d+)?\s*[KMG]?(i?B)?$/i)])
    .nullable()
    .optional(),
  dequeueStrategy: z.enum(STRATEGIES).optional(),
  maxJobs: count.nullable().optional(),
  maxIdleTime: seconds.nullable().optional(),
  jobs: z.array(text).optional(),
  path: z.array(text).optional(),
  onlyRegistered: z.boolean().optional(),
  exceptionHandler: z.array(text).optional(),
  name: optionalText.optional(),
  withScheduler: z.boolean().optional(),
  defaultTimeout: z.number().int().positive().optional(),
  resultsTtl: ttl.optional(),
  workerTtl: z.number().int().positive().optional(),
  maintenanceInterval: seconds.optional(),
  jobMonitoringInterval: seconds.optional(),
  shutdownTimeout: seconds.nullable().optional(),
  connectTimeout: seconds.optional(),
  serializer: z.enum(['json', 'pickle']).optional(),
  claimAhead: z.boolean().optional(),
  limit: z.array(limit).optional(),
  durable: count.nullable().optional(),
  burst: z.boolean().optional(),
  watch: z.boolean().optional(),
  disableJobDescLogging: z.boolean().optional(),
  pid: optionalText.optional(),
  metrics: optionalText.optional(),
});

const log = z.strictObject({
  level: z.enum(['debug', 'info', 'warning', 'error']).optional(),
  format: z.enum(['auto', 'pretty', 'json', 'logfmt']).optional(),
});

const connection = z.union([text, z.strictObject({ ...redis.shape }), z.strictObject({ sentinel })]);

/** The configuration file, and the form that every other source is brought into. */
export const fileSchema = z.strictObject({
  redis: redis.optional(),
  sentinel: sentinel.optional(),
  connections: z.record(z.string(), connection).optional(),
  connection: text.optional(),
  queues: z.array(text).min(1).optional(),
  queueConnections: z.record(z.string(), text).optional(),
  worker: worker.optional(),
  log: log.optional(),
});

export type FileConfig = z.infer<typeof fileSchema>;
export type RedisConfig = z.infer<typeof redis>;
export type SentinelConfig = z.infer<typeof sentinel>;
export type TlsConfig = z.infer<typeof tls>;
export type ConnectionConfig = z.infer<typeof connection>;

/** The keys known at a place of the file, for suggestions. */
export function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  const [first] = path;
  if (first === undefined) return Object.keys(fileSchema.shape);
  if (path.at(-1) === 'tls' || path.at(-1) === 'sentinelTls')
    return ['ca', 'cert', 'key', 'servername', 'rejectUnauthorized', 'checkHostname'];
  if (first === 'worker') return Object.keys(worker.shape);
  if (first === 'log') return Object.keys(log.shape);
  if (first === 'sentinel' || path.at(-1) === 'sentinel') return Object.keys(sentinel.shape);
  return [...Object.keys(redis.shape), 'sentinel'];
}
