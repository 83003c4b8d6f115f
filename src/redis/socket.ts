import type { Socket } from 'node:net';

export interface OpenOptions {
  /** Shown in `CLIENT LIST`. */
  readonly name?: string;
  /** Milliseconds for connecting, logging in and the first answer together. */
  readonly timeoutMs: number;
  /** Gives up at once when it fires before the connection is ready. */
  readonly signal?: AbortSignal;
}

/** A connection that is ready for commands: nothing is owed, and nobody reads what comes. */
export interface OpenSocket {
  readonly stream: Socket;
  /** Ends it. May be called twice. */
  discard(): void;
}

/** How long a server that is frozen may keep a connection, and with it the process, that was closed. Milliseconds. */
export const LINGER_MS = 250;

/** `CLIENT SETNAME` refuses spaces and control characters. */
export const clientName = (name: string): string => name.replace(/[^\x21-\x7e]/g, '_');
