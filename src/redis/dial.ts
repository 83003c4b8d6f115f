import type { Socket } from 'node:net';
import { classify } from './failure.js';
import { encode, ReplyError, ReplyReader } from './resp.js';
import type { RedisCommand } from './redis.js';
import { clientName, LINGER_MS, type OpenOptions, type OpenSocket } from './socket.js';
import type { SocketTarget, TcpTarget } from './target.js';

/** Opens a connection to an address: connects, and greets in one write. */
export async function dial(target: TcpTarget | SocketTarget, options: OpenOptions): Promise<OpenSocket> {
  const begin = await dialler(target);
  options.signal?.throwIfAborted();
  return greet(begin(), target, options);
}

/** Modules that nobody needs who only defines jobs. */
async function dialler(target: TcpTarget | SocketTarget): Promise<() => Socket> {
  if (target.kind === 'tcp' && target.tls) {
    const { connectSecurely } = await import('./tls.js');
    const { host, port, tls } = target;
    return () => connectSecurely(host, port, tls);
  }
  const { connect } = await import('node:net');
  return () => connect(target.kind === 'socket' ? { path: target.path } : { host: target.host, port: target.port });
}

function greet(
  stream: Socket,
  target: TcpTarget | SocketTarget,
  { name, timeoutMs, signal }: OpenOptions,
): Promise<OpenSocket> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      settle();
      // It may have more to say.
      stream.on('error', () => undefined).destroy();
      reject(error);
    };
    const ended = (): void => {
      fail(new Error('Connection is closed.'));
    };
    const hello = greeting(target, name);
    const expected = hello.map(([word]) => word);
    const reader = new ReplyReader({
      onReply: (reply) => {
        const word = expected.shift();
        if (reply instanceof Error && isFatal(word, reply)) fail(reply);
        else if (expected.length === 0) {
          settle();
          resolve(new Ready(stream));
        }
      },
      wantsText: () => true,
      toError: (message) => new ReplyError(message),
    });
    const read = (bytes: Buffer): void => {
      try {
        reader.add(bytes);
      } catch (error) {
        fail(error as Error);
      }
    };
    const timer = setTimeout(() => {
      fail(new Error(`no connection within ${Math.round(timeoutMs)} ms`));
    }, timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', ended);
      stream.off('data', read).off('error', fail).off('close', ended);
    };
    signal?.addEventListener('abort', ended);
    stream.on('data', read).on('error', fail).on('close', ended);
    stream.once(target.kind === 'tcp' && target.tls ? 'secureConnect' : 'connect', () => {
      stream.setNoDelay(true).setKeepAlive(true);
      for (const command of hello) stream.write(encode(`*${command.length}\r\n`, command));
    });
  });
}

function greeting({ username, password, db }: TcpTarget | SocketTarget, name: string | undefined): RedisCommand[] {
  const commands: RedisCommand[] = [];
  if (password !== undefined) commands.push(username === undefined ? ['AUTH', password] : ['AUTH', username, password]);
  if (db !== 0) commands.push(['SELECT', db]);
  if (name !== undefined) commands.push(['CLIENT', 'SETNAME', clientName(name)]);
  commands.push(['PING']);
  return commands;
}

/** Whether that answer to a command of the greeting means that there is no connection. */
function isFatal(command: string | undefined, error: Error): boolean {
  // A server that needs no password serves those who give one, too.
  if (command === 'AUTH') return !/no password is set|without any password/.test(error.message);
  if (command === 'SELECT') return true;
  // A user who may not do that may still do what counts, and a server that cannot write to its disk (MISCONF) still answers reads. One that
  // is full says so whatever it is told.
  return !error.message.startsWith('NOPERM') && classify(error) !== 'reply';
}

class Ready implements OpenSocket {
  #isOver = false;
  readonly stream: Socket;

  constructor(stream: Socket) {
    this.stream = stream;
    // A damaged record of TLS is told, and the socket left open for the next error, which nobody would listen to.
    stream.on('error', () => stream.destroy());
  }

  discard(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { stream } = this;
    stream.end();
    const timer = setTimeout(() => stream.destroy(), LINGER_MS).unref();
    stream.once('close', () => {
      clearTimeout(timer);
    });
  }
}
