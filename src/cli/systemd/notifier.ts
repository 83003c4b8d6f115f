import { spawn, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * Node has no datagram socket of the unix kind, and starting a process costs a large parent dearly. So one shell is started
 * while this process is small, and runs systemd-notify for each line: the variables of one message, separated by tabs.
 * It ignores the signals that end its parent: STOPPING=1 is still to be sent then.
 */
const PROGRAM = `trap '' TERM INT HUP
set -f
IFS=$(printf '\\t')
while read -r line; do
  systemd-notify $line </dev/null >/dev/null 2>&1
  echo $?
done`;

/** Milliseconds the last messages have on the way out. */
const LAST_WORDS_MS = 3_000;

/** Sends messages to the service manager (sd_notify), in the order of the calls. */
export class Notifier {
  readonly #env: NodeJS.ProcessEnv;
  readonly #onFailure: (why: string) => void;
  #helper: ChildProcess | null;
  /** Resolved in turn by the helper's answers. */
  #waiting: ((exitCode: number) => void)[] = [];
  #hasFailed = false;

  /** `socket`: the value of NOTIFY_SOCKET. `onFailure` is called once, at the first message that could not be sent. */
  constructor(socket: string, path: string, onFailure: (why: string) => void) {
    this.#env = { PATH: `${path}:/usr/bin:/bin`, NOTIFY_SOCKET: socket };
    this.#onFailure = onFailure;
    this.#helper = this.#start();
  }

  /** Messages that are not sent yet. */
  get pending(): number {
    return this.#waiting.length;
  }

  /** Sends one message, as `send('READY=1', 'STATUS=waiting')`. Resolves when it is sent or has failed; never rejects. */
  async send(...variables: string[]): Promise<void> {
    const helper = (this.#helper ??= this.#start());
    const line = variables.map((variable) => variable.replace(/[\x00-\x1f\x7f]+/g, ' ')).join('\t');
    const exitCode = await new Promise<number>((resolve) => {
      this.#waiting.push(resolve);
      helper.stdin?.write(`${line}\n`);
    });
    if (exitCode === 0 || this.#hasFailed) return;
    this.#hasFailed = true;
    this.#onFailure(exitCode === 127 ? 'systemd-notify was not found' : `systemd-notify failed with ${exitCode}`);
  }

  /** Waits, but not for ever, until everything is sent; nothing may be sent afterwards. */
  async close(): Promise<void> {
    const helper = this.#helper;
    if (!helper) return;
    const gone = new Promise((resolve) => helper.once('exit', resolve));
    helper.ref();
    helper.stdin?.end();
    const timer = setTimeout(() => helper.kill('SIGKILL'), LAST_WORDS_MS);
    await gone;
    clearTimeout(timer);
  }

  #start(): ChildProcess {
    const helper = spawn('/bin/sh', ['-c', PROGRAM], { stdio: ['pipe', 'pipe', 'ignore'], env: this.#env });
    let text = '';
    helper.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) this.#waiting.shift()?.(Number(line));
    });
    helper.stdin.on('error', () => undefined);
    const end = (): void => {
      if (this.#helper !== helper) return;
      this.#helper = null;
      for (const settle of this.#waiting.splice(0)) settle(-1);
    };
    helper.once('error', end);
    helper.once('exit', end);
    // It lives as long as its parent, and must not keep it alive.
    helper.unref();
    for (const stream of [helper.stdin, helper.stdout]) (stream as unknown as Socket).unref();
    return helper;
  }
}
