import { setTimeout as sleep } from 'node:timers/promises';
import { openSocket } from './open.js';
import type { OpenSocket } from './socket.js';
import type { RedisTarget } from './target.js';

/**
 * A connection on which Redis answers nothing: for small writes that are many, in order, and waited for by nobody. Whether they arrive
 * is asked every now and then; where no answer comes the connection is replaced.
 */
export interface Line {
  /**
   * Writes a command; false if there is no connection now. What is true was handed to the operating system: it arrives even
   * if this process dies the next moment, unless the connection does too.
   */
  send(words: readonly string[]): boolean;
  readonly isOpen: boolean;
  /** Gives up the connection for a new one: what was sent may not have arrived. */
  renew(): void;
  close(): void;
}

const OPEN_MS = 5_000;
const MAX_BACKOFF_MS = 2_000;
/** How long after a write Redis is asked whether it is there, milliseconds; what is written until then is asked about together. */
const ASK_AFTER_MS = 1_000;
/** How long it may take to say so, milliseconds. */
const ANSWER_MS = 5_000;

/** Opens a line; a broken one is replaced as long as it is not closed. `onOpen`: called each time there is a connection. */
export function openLine(target: RedisTarget, name: string, onOpen: () => void): Line {
  const closing = new AbortController();
  let socket: OpenSocket | null = null;
  let asking: NodeJS.Timeout | null = null;

  const open = async (): Promise<void> => {
    for (let failures = 0; !closing.signal.aborted && socket === null; failures += 1) {
      try {
        const opened = await openSocket(target, { name, timeoutMs: OPEN_MS, signal: closing.signal });
        const { stream } = opened;
        stream.once('close', () => {
          if (socket === opened) drop();
        });
        if (stream.destroyed) throw new Error('Connection is closed.');
        // Little comes, but that the server is gone: who does not read does not learn it.
        stream.on('data', answered);
        stream.write(SILENT);
        socket = opened;
        onOpen();
      } catch {
        const delayMs = Math.min(MAX_BACKOFF_MS, 50 * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2);
        await sleep(delayMs, undefined, { signal: closing.signal }).catch(() => undefined);
      }
    }
    if (closing.signal.aborted) socket?.discard();
  };
  const answered = (): void => {
    if (asking) clearTimeout(asking);
    asking = null;
  };
  const ask = (): void => {
    socket?.stream.write(ASK);
    asking = setTimeout(drop, ANSWER_MS).unref();
  };
  const drop = (): void => {
    answered();
    socket?.discard();
    socket = null;
    if (!closing.signal.aborted) void open();
  };

  void open();
  return {
    get isOpen() {
      return socket?.stream.writable === true;
    },
    send: (words) => {
      if (!socket?.stream.writable) return false;
      socket.stream.write(encode(words));
      asking ??= setTimeout(ask, ASK_AFTER_MS).unref();
      return true;
    },
    renew: () => {
      if (socket) drop();
    },
    close: () => {
      closing.abort();
      answered();
      socket?.discard();
      socket = null;
    },
  };
}

/** ASCII only. */
function encode(words: readonly string[]): string {
  let text = `*${words.length}\r\n`;
  for (const word of words) text += `$${word.length}\r\n${word}\r\n`;
  return text;
}

const SILENT = encode(['CLIENT', 'REPLY', 'OFF']);
/** Answered once. */
const ASK = encode(['CLIENT', 'REPLY', 'ON']) + SILENT;
