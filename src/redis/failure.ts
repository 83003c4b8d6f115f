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
};

/** Sorts an error thrown by the client, by the first word of Redis's error replies. */
export function classify(error: unknown): Failure {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return 'connection';
  const text = error.message.replace(/^ERR (?:Error running script[^:]*: |user_script:\d+: )?/i, '');
  const word = /^[A-Z]+/.exec(text)?.[0] ?? '';
  const known = BY_PREFIX[word];
  if (known !== undefined) return known;
  // What Redis 6 and 7.0 say instead of NOPERM when it is a script that may not.
  if (text.startsWith('The user executing the script can')) return 'refused';
  if (/invalid password|without any password|DB index is out of range|max number of clients/i.test(text)) {
    return 'refused';
  }
  return 'reply';
}

/** `description`: the connection's, here and below. */
export const unreachable = (description: string, error: unknown): TsrqError =>
  new TsrqError('REDIS_UNREACHABLE', `cannot reach Redis at ${description}: ${reason(error)}`, {
    hint: 'is it running, and is --url (or TSRQ_REDIS_URL, or the config file) right?',
    cause: error,
  });

export const refused = (description: string, error: unknown): TsrqError =>
  new TsrqError('REDIS_REFUSED', `Redis at ${description} refuses: ${reason(error)}`, {
    hint: 'check user name, password, database number and the permissions of the user',
    cause: error,
  });

export const closed = (description: string): TsrqError =>
  new TsrqError('CLOSED', `the connection to ${description} was closed`);

function reason(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reason(error.errors[0]);
  return error instanceof Error && error.message !== '' ? error.message : String(error);
}
