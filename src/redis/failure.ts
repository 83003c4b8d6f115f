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
