import { spawn, spawnSync } from 'node:child_process';
import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';
import { watchProcess } from './cli.js';
import { until } from './rq.js';

const DIR = fileURLToPath(new URL('notify', import.meta.url));

/** A message of sd_notify: its variables by name. */
export type Message = Readonly<Record<string, string>>;

export interface Receiver {
  /** What a service gets in its environment. */
  readonly env: { readonly NOTIFY_SOCKET: string; readonly PATH: string };
  /** What has arrived, oldest first. */
  messages(): Message[];
  /** Waits for a message, the first or one after the `after` first. */
  waitFor(what: string, isIt: (message: Message) => boolean, after?: number): Promise<Message>;
  stop(): void;
}

/** A plain datagram socket in the place of systemd's. */
export async function startReceiver(socket: string): Promise<Receiver> {
  const program = watchProcess(spawn('python3', [`${DIR}/receiver.py`, socket], { stdio: ['ignore', 'pipe', 'pipe'] }));
  await program.waitFor('"bound"');
  const messages = (): Message[] =>
    program
      .stdout()
      .split('\n')
      .slice(1, -1)
      .map((line) => parse(JSON.parse(line) as string))
      // systemd-notify's own: it waits until what it has sent is read.
      .filter((message) => message['BARRIER'] === undefined);
  return {
    env: { NOTIFY_SOCKET: socket, PATH: `${hasNotify() ? '' : `${DIR}${delimiter}`}${process.env['PATH'] ?? ''}` },
    messages,
    waitFor: async (what, isIt, after = 0) => {
      const find = (): Message | undefined => messages().slice(after).find(isIt);
      await until(`systemd is told ${what}`, () => find() !== undefined);
      return find()!;
    },
    stop: () => {
      program.kill('SIGKILL');
    },
  };
}

const hasNotify = (): boolean => spawnSync('systemd-notify', ['--version']).status === 0;

function parse(text: string): Message {
  return Object.fromEntries(
    text.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}
