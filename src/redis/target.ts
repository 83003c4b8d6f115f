import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { TsrqError } from '../errors.js';

/** Where a Redis is and how to log in: plain data, parsed once. */
export type RedisTarget = TcpTarget | SocketTarget | SentinelTarget;

/**
 * How a connection is encrypted, in the words of the configuration file. `servername` is by default the host, where that is a name;
 * `checkHostname: false` takes a certificate of whatever name, if it is of one who is trusted.
 */
export type TlsSettings = Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized'> & {
  readonly checkHostname?: boolean;
};

interface Login {
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
}
/** A Redis at a host and port. */
export interface TcpTarget extends Login {
  readonly kind: 'tcp';
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsSettings;
}
/** A Redis at a Unix socket. */
export interface SocketTarget extends Login {
  readonly kind: 'socket';
  readonly path: string;
}
/** A Redis whose place Sentinels know. */
export interface SentinelTarget extends Login {
  readonly kind: 'sentinel';
  readonly instances: readonly HostPort[];
  readonly masterName: string;
  readonly tls?: TlsSettings;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
  readonly sentinelTls?: TlsSettings;
  /** Seconds to wait for a reply of the master (RQ's SOCKET_TIMEOUT). */
  readonly socketTimeoutSeconds?: number;
}
/** Where a server listens. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const DEFAULT_PORT = 6379;
const DEFAULT_SENTINEL_PORT = 26379;

/** What redis-py takes from an address for its own client: an address of Python's is good for tsrq too. */
const OF_OTHER_CLIENTS: readonly string[] = [
  ...['client_name', 'health_check_interval', 'max_connections', 'protocol', 'retry_on_error', 'retry_on_timeout'],
  ...['socket_connect_timeout', 'socket_keepalive', 'socket_timeout', 'timeout'],
  // ioredis.
  'family',
];

/** redis-py's parameters of an address with TLS that name files. */
const TLS_FILES = { ssl_ca_certs: 'ca', ssl_certfile: 'cert', ssl_keyfile: 'key' } as const;
const OF_TLS: readonly string[] = [...Object.keys(TLS_FILES), 'ssl_ca_data', 'ssl_cert_reqs', 'ssl_check_hostname'];

/**
 * Reads `redis://`, `rediss://`, `valkey://`, `valkeys://`, `unix://[user:password@]/path?db=N` and
 * `redis+sentinel://[user:password@]host:port,host:port/master/db` (`rediss+sentinel://` with TLS to the master). With TLS also
 * redis-py's `?ssl_cert_reqs=none`, `ssl_check_hostname=false`, `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile` (PEM files, read now)
 * and `ssl_ca_data`; what redis-py and ioredis take for their own clients (`socket_timeout`, `protocol`, …) is passed over.
 * Throws CONFIG; the message never holds a password.
 */
export function parseRedisUrl(url: string): RedisTarget {
  const scheme = /^([a-z][a-z+]*):\/\//i.exec(url)?.[1]?.toLowerCase();
  switch (scheme) {
    case 'redis':
    case 'valkey':
      return parseTcp(url, false);
    case 'rediss':
    case 'valkeys':
      return parseTcp(url, true);
    case 'unix':
    case 'redis+unix':
      return parseSocket(url);
    case 'redis+sentinel':
    case 'rediss+sentinel':
      return parseSentinel(url, scheme === 'rediss+sentinel');
    default:
      throw bad(url, 'it does not begin with redis://, rediss://, valkey://, unix:// or redis+sentinel://');
  }
}

/** The target as a URL without secrets. */
export function describeTarget(target: RedisTarget): string {
  switch (target.kind) {
    case 'tcp':
      return `${target.tls ? 'rediss' : 'redis'}://${showHost(target)}/${target.db}`;
    case 'socket':
      return `unix://${target.path}${target.db === 0 ? '' : `?db=${target.db}`}`;
    case 'sentinel': {
      const scheme = target.tls ? 'rediss+sentinel' : 'redis+sentinel';
      return `${scheme}://${target.instances.map(showHost).join(',')}/${target.masterName}/${target.db}`;
    }
  }
}

/**
 * Hides the passwords of all URLs in a text. Up to the last @ of a word, because a password may hold a / or an @ that
 * should have been encoded; a login of one part as well, because it is often a password at the wrong place.
 */
export const maskUrls = (text: string): string =>
  text
    // An @ in a parameter may end a login before it: both sides of it are hidden, and it stays for the next rule.
    .replace(/([?&][a-z_]*pass[a-z_]*=)(?!\*{6})[^&\s]*@[^&\s]*/gi, '$1******@******')
    // Schemes have an end, or the time for a long word would grow with its square.
    .replace(/([a-z][a-z0-9+.-]{0,30}:\/\/[^\s:/@]*:)\S*@/gi, '$1******@')
    .replace(/([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s:@]+@/gi, '$1******@')
    .replace(/([?&][a-z_]*pass[a-z_]*=)(?!\*{6})[^&\s]*/gi, '$1******');

/** `host`, `host:port`, `[::1]:port`; null for anything else. */
export function parseHostPort(text: string, defaultPort: number): HostPort | null {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(text.trim());
  const port = Number(match?.[3] ?? defaultPort);
  if (!match || port < 1 || port > 65_535) return null;
  return { host: match[1] ?? match[2] ?? '', port };
}

function parseTcp(url: string, tls: boolean): TcpTarget {
  const parsed = parseUrl(url);
  const query = readQuery(url, parsed.searchParams, ['db', 'password', 'username', ...OF_TLS]);
  refuseLoginBehindHost(url, parsed);
  const inPath = parsed.pathname.replace(/^\//, '');
  const port = parsed.port === '' ? DEFAULT_PORT : Number(parsed.port);
  if (port === 0) throw bad(url, 'there is no port 0');
  return {
    kind: 'tcp',
    host: decode(url, parsed.hostname).replace(/^\[|\]$/g, '') || 'localhost',
    port,
    // As in redis-py the query is asked first.
    db: readDb(url, query.get('db') ?? inPath),
    ...readLogin(url, parsed, query),
    ...readTls(url, query, tls),
  };
}

function parseSocket(url: string): SocketTarget {
  // A login without a host is no URL for the standard parser.
  const parsed = parseUrl(url.replace(/^([a-z+]+):\/\/([^/@]*@)?\//i, 'redis://$2host/'), url);
  const query = readQuery(url, parsed.searchParams, ['db', 'password', 'username']);
  const path = /^[a-z+]+:\/\/(?:[^/@]*@)?\//i.test(url) ? decode(url, parsed.pathname) : '';
  if (path === '' || path === '/') throw bad(url, 'it has no path of a socket');
  return { kind: 'socket', path, db: readDb(url, query.get('db') ?? ''), ...readLogin(url, parsed, query) };
}

function parseSentinel(url: string, tls: boolean): SentinelTarget {
  // Several hosts are no URL for the standard parser: they are cut out and read one by one.
  const match = /^([a-z+]+:\/\/)(?:([^?#]*)@)?([^/?#]*)(.*)$/i.exec(url);
  const hosts = (match?.[3] ?? '').split(',').filter((host) => host !== '');
  const instances = hosts.map((host) => {
    const instance = parseHostPort(host, DEFAULT_SENTINEL_PORT);
    if (!instance) throw bad(url, `'${host}' is not the address of a sentinel`);
    return instance;
  });
  if (instances.length === 0) throw bad(url, 'it names no sentinel');
  const parsed = parseUrl(`redis://${match?.[2] === undefined ? '' : `${match[2]}@`}host${match?.[4] ?? ''}`, url);
  const query = readQuery(url, parsed.searchParams, ['db', 'sentinel_username', 'sentinel_password', ...OF_TLS]);
  refuseLoginBehindHost(url, parsed);
  const [masterName = '', db = '', ...rest] = parsed.pathname.replace(/^\//, '').split('/');
  if (masterName === '' || rest.length > 0) throw bad(url, 'the path must be /MASTER or /MASTER/DB');
  const sentinelUsername = query.get('sentinel_username');
  const sentinelPassword = query.get('sentinel_password');
  const socketTimeoutSeconds = Number(query.get('socket_timeout'));
  return {
    kind: 'sentinel',
    instances,
    masterName: decode(url, masterName),
    db: readDb(url, db === '' ? (query.get('db') ?? '') : db),
    ...readLogin(url, parsed, query),
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(socketTimeoutSeconds > 0 ? { socketTimeoutSeconds } : {}),
    ...readTls(url, query, tls),
  };
}

function parseUrl(url: string, shown = url): URL {
  try {
    return new URL(url);
  } catch {
    throw bad(shown, 'it is not a valid URL (are special characters of the password percent-encoded?)');
  }
}

/** An @ there means that a password with a / or # was cut in two: saying which part is wrong would show it. */
function refuseLoginBehindHost(url: string, parsed: URL): void {
  if (`${parsed.pathname}${parsed.hash}`.includes('@')) throw bad(url, ENCODE);
}

const ENCODE = 'special characters of a login must be percent-encoded (/ is %2F, ? is %3F, # is %23, @ is %40)';

function decode(url: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw bad(url, 'it has a % that encodes nothing; a % itself is %25');
  }
}

type Query = ReadonlyMap<string, string>;

function readLogin(url: string, parsed: URL, query: Query): { username?: string; password?: string } {
  const username = parsed.username === '' ? query.get('username') : decode(url, parsed.username);
  const password = parsed.password === '' ? query.get('password') : decode(url, parsed.password);
  return { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) };
}

function readTls(url: string, query: Query, isOn: boolean): { tls?: TlsSettings } {
  const given = OF_TLS.filter((key) => query.has(key));
  if (!isOn) {
    if (given[0] !== undefined) throw bad(url, `${given[0]} is for an address of TLS, which begins with rediss`);
    return {};
  }
  const requirement = query.get('ssl_cert_reqs')?.toLowerCase() ?? 'required';
  if (!['none', 'optional', 'required'].includes(requirement))
    throw bad(url, 'ssl_cert_reqs is none, optional or required');
  const files = Object.entries(TLS_FILES).flatMap(([parameter, key]) => {
    const file = query.get(parameter);
    return file === undefined ? [] : [[key, readPem(url, parameter, file)] as const];
  });
  const data = query.get('ssl_ca_data');
  return {
    tls: {
      ...Object.fromEntries(files),
      ...(data === undefined ? {} : { ca: checkPem(url, 'ssl_ca_data', data) }),
      ...(requirement === 'none' ? { rejectUnauthorized: false } : {}),
      ...(/^(?:0|f|false|n|no)$/i.test(query.get('ssl_check_hostname') ?? '') ? { checkHostname: false } : {}),
    },
  };
}

function readPem(url: string, parameter: string, file: string): string {
  try {
    return checkPem(url, parameter, readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof TsrqError) throw error;
    throw bad(url, `the file of ${parameter} cannot be read (${(error as NodeJS.ErrnoException).code ?? ''})`);
  }
}

function checkPem(url: string, parameter: string, text: string): string {
  if (!text.includes('-----BEGIN')) throw bad(url, `${parameter} is no PEM`);
  return text;
}

function readDb(url: string, text: string): number {
  if (text === '') return 0;
  if (!/^\d{1,9}$/.test(text)) throw bad(url, `the database '${text}' is not a number`);
  return Number(text);
}

function readQuery(url: string, params: URLSearchParams, known: readonly string[]): Map<string, string> {
  for (const key of params.keys()) {
    if (key.includes('@')) throw bad(url, ENCODE);
    if (OF_OTHER_CLIENTS.includes(key)) continue;
    if (!known.includes(key)) throw bad(url, `the parameter '${key}' is not known (${known.join(', ')} are)`);
  }
  return new Map(params);
}

function bad(url: string, why: string): TsrqError {
  const reason = why.includes("'") && hasLoginBehindHost(url) ? ENCODE : why;
  return new TsrqError('CONFIG', `'${maskUrl(url)}' is no address of a Redis: ${reason}`);
}

/** What a reason quotes of such a URL may be half of a password. */
const hasLoginBehindHost = (url: string): boolean => /[/?#].*@/s.test(url.replace(/^([a-z][a-z0-9+.-]*:)?\/*/i, ''));

/** As maskUrls, for a text that is one URL: also passwords with spaces, and under a name that is not known. */
function maskUrl(url: string): string {
  // Whether such an @ ends a login or belongs to a password of the query, nobody can tell.
  if (/\?.*@/s.test(url)) return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*$/is, '$1******');
  return maskLogin(url).replace(/([?&](?!(?:db|username|sentinel_username)=)[^=&]*=)[^&]*/gi, '$1******');
}

/** As maskUrls, for a text that is one URL: a space does not end it, and a forgotten scheme does not expose the login. */
function maskLogin(url: string): string {
  const login = /^([a-z][a-z0-9+.-]*:\/\/)([^:@/\s]*:)?.*@/is;
  return maskUrls(login.test(url) ? url.replace(login, '$1$2******@') : url.replace(/^.*@/s, '******@'));
}

const showHost = ({ host, port }: HostPort): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;
