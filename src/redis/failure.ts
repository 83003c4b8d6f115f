import { TsrqError } from '../errors.js';

/**
 * What a failed call says about the connection:
 * - `connection`: the link is broken, or leads to a server that cannot serve us (a replica, one that is loading);
 * - `busy`: the link is good, the server cannot serve anybody just now;
 * - `refused`: the server does not want us;
 * - `reply`: an answer to this very command; sending it again would bring the same.
 */
export type Failure = 'connection' | 'busy' | 'refused' | 'reply';

const BY_PREFIX: Readonly<Record<string, Failure>> = {
  READONLY: 'connection',
  UNBLOCKED: 'connection',
  LOADING: 'connection',
  MASTERDOWN: 'connection',
  BUSY: 'busy',
  NOREPLICAS: 'busy',
  TRYAGAIN: 'busy',
  NOAUTH: 'refused',
  WRONGPASS: 'refused',
  NOPERM: 'refused',
  DENIED: 'refused',
};

/** Sorts an error thrown by the client, by the first word of Redis's error replies. */
export function classify(error: unknown): Failure {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return 'connection';
  const text = textOf(error);
  const known = BY_PREFIX[wordOf(error)];
  if (known !== undefined) return known;
  // What Redis 6 and 7.0 say instead of NOPERM when it is a script that may not.
  if (text.startsWith('The user executing the script can')) return 'refused';
  if (/invalid password|without any password|DB index is out of range|max number of clients/i.test(text)) {
    return 'refused';
  }
  return 'reply';
}

/**
 * Without what Redis puts in front of it when it was a script that met it. Redis 6: `ERR Error running script (call to f_…): @user_script:1:
 * @user_script: 1: -READONLY …`.
 */
const textOf = ({ message }: Error): string =>
  message.replace(/^(?:ERR )?(?:Error running script[^:]*: )?(?:@?user_script: ?\d+: )*-?/i, '');

/** Whether that is what a server says that can be read, and takes no writes for the time being. */
export const isReadable = (error: unknown): boolean =>
  error instanceof Error && error.name === 'ReplyError' && ['READONLY', 'NOREPLICAS'].includes(wordOf(error));

const wordOf = (error: Error): string => /^[A-Z]+/.exec(textOf(error))?.[0] ?? '';

/** What helps against what Redis answers, by the first word of its error replies. */
const NEXT_STEPS: Readonly<Record<string, string>> = {
  LOADING: 'it was started, and reads its data: it serves when it has read them all',
  READONLY: 'this is a replica: give the address of the master, or of the Sentinels',
  MASTERDOWN: 'this is a replica without its master: give the address of the master, or of the Sentinels',
  BUSY: 'a script holds it: `redis-cli SCRIPT KILL` ends one that has written nothing yet',
  NOREPLICAS: 'min-replicas-to-write is not met: bring the replicas back, or lower it',
  OOM: 'its memory is full: raise maxmemory, or make room: `tsrq info`, then `tsrq empty --finished --older-than 1h QUEUE`',
  MISCONF: 'it cannot write its data: look at its log, and at the space on its disk; `redis-cli BGSAVE` tries again',
  WRONGTYPE: '`tsrq doctor` names the key',
  DENIED:
    'its protected mode serves nobody from elsewhere: give it a password (`requirepass`) or users, or let it `bind` what may be trusted',
};

/** What helps against an error reply; undefined where nothing is known. */
export function nextStep(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined;
  if (/max number of clients/i.test(error.message))
    return 'raise maxclients, or see by `redis-cli CLIENT LIST` who holds its connections';
  return NEXT_STEPS[wordOf(error)];
}

/** Closed before it has said anything: a server that is full may not come to say so. */
const CUT_OFF = /EPIPE|ECONNRESET|Connection is closed/;

/** What helps where TLS fails, by the codes of Node and OpenSSL. */
const TLS_STEPS: readonly (readonly [RegExp, string])[] = [
  [
    /SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|CERT_UNTRUSTED/,
    'name the authority that signed its certificate: `redis.tls.ca`, REDIS_SSL_CA_CERTS, or ?ssl_ca_certs=FILE',
  ],
  [
    /ALTNAME_INVALID|HOSTNAME_MISMATCH/,
    'its certificate is of another name: give that as the host or as `redis.tls.servername`, or have it passed over by ?ssl_check_hostname=false',
  ],
  [
    /CERT_(?:HAS_EXPIRED|NOT_YET_VALID)/,
    'its certificate is not valid today: renew it (or is the clock of this machine wrong?)',
  ],
  [
    /CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE/,
    'it wants to see a certificate: `redis.tls.cert` and `key`, REDIS_SSL_CERTFILE and _KEYFILE, or ?ssl_certfile=FILE&ssl_keyfile=FILE',
  ],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/, 'what is on that port speaks no TLS: redis:// instead of rediss://?'],
  [/PEM|ASN1|KEY_VALUES_MISMATCH|X509/, 'are the files of the certificate and of its key the right ones, and PEM?'],
];

/** What ioredis says when it has tried them all. */
const SENTINELS_AWAY = /^All sentinels are unreachable.* Last error: (.*)$/s;

/** `description`: the connection's, here and below. */
export const unreachable = (description: string, error: unknown): TsrqError => {
  const [step, why] = [nextStep(error), reason(error)];
  const what = step === undefined ? `cannot reach Redis at ${description}` : `Redis at ${description} cannot serve`;
  const sentinels = SENTINELS_AWAY.exec(why);
  if (sentinels) {
    const last = CUT_OFF.test(sentinels[1] ?? '') ? '' : `: ${sentinels[1] ?? ''}`;
    return new TsrqError('REDIS_UNREACHABLE', `${what}: none of its sentinels can be reached${last}`, {
      hint: 'do they run, and are their addresses right?',
      cause: error,
    });
  }
  const code = codeOf(error);
  const tls = TLS_STEPS.find(([of]) => of.test(code))?.[1];
  const otherwise = CUT_OFF.test(why)
    ? 'it hangs up: are its maxclients reached, does it want TLS (rediss://), or is something else on that port?'
    : 'is it running, and is --url (or TSRQ_REDIS_URL, or the config file) right?';
  return new TsrqError('REDIS_UNREACHABLE', `${what}: ${why}`, { hint: step ?? tls ?? otherwise, cause: error });
};

export const refused = (description: string, error: unknown): TsrqError =>
  new TsrqError('REDIS_REFUSED', `Redis at ${description} refuses: ${reason(error)}`, {
    hint: nextStep(error) ?? 'check user name, password, database number and the permissions of the user',
    cause: error,
  });

/** For one that answers, and can write nothing just now. */
export const refusesWrites = (description: string, error: unknown): TsrqError =>
  new TsrqError('REDIS_REFUSED', `Redis at ${description} takes no writes: ${reason(error)}`, {
    hint: nextStep(error) ?? '`tsrq doctor` looks at its settings',
    cause: error,
  });

export const closed = (description: string): TsrqError =>
  new TsrqError('CLOSED', `the connection to ${description} was closed`);

function reason(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reason(error.errors[0]);
  if (!(error instanceof Error) || error.message === '') return String(error);
  // What OpenSSL says stands between its addresses and its files: `8048…:error:0A00010B:SSL routines:…:wrong version number:../deps/…`.
  const [, openssl] = /^(?:\w+:)?error:\w+:[^:]*:[^:]*:([^:\n]+)/.exec(error.message) ?? [];
  return openssl === undefined ? error.message : `TLS failed: ${openssl.trim()}`;
}

const codeOf = (error: unknown): string => {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
};

/** What Redis said to a user who may not do that, if a call failed for it; else null. */
export function permissionError(error: unknown): Error | null {
  if (!(error instanceof TsrqError) || !(error.cause instanceof Error)) return null;
  return error.cause.message.startsWith('NOPERM') ? error.cause : null;
}
