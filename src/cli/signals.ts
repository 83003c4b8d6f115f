export interface SignalTarget {
  stop(signal: 'SIGINT' | 'SIGTERM'): void;
  kill(signal: 'SIGINT' | 'SIGTERM'): void;
  reload(): void;
  quiet(): void;
  unquiet(): void;
  show(): void;
}

/** RQ: a second signal within this time is the same one (a terminal and a supervisor may both send it). */
const SAME_SIGNAL_MS = 1_000;

/** Lets signals steer a worker; returns how to stop that. */
export function obeySignals(target: SignalTarget): () => void {
  let firstAt: number | null = null;
  const end = (signal: 'SIGINT' | 'SIGTERM'): void => {
    const now = performance.now();
    if (firstAt === null) {
      firstAt = now;
      target.stop(signal);
    } else if (now - firstAt >= SAME_SIGNAL_MS) {
      target.kill(signal);
    }
  };
  const listeners: readonly (readonly [NodeJS.Signals, () => void])[] = [
    [
      'SIGINT',
      () => {
        end('SIGINT');
      },
    ],
    [
      'SIGTERM',
      () => {
        end('SIGTERM');
      },
    ],
    [
      'SIGHUP',
      () => {
        target.reload();
      },
    ],
    [
      'SIGTSTP',
      () => {
        target.quiet();
      },
    ],
    [
      'SIGCONT',
      () => {
        target.unquiet();
      },
    ],
    [
      'SIGUSR2',
      () => {
        target.show();
      },
    ],
  ];
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
}
