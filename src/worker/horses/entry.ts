/** The program of a work horse: a warm child process that runs the jobs its worker sends. */
import { clock } from '../../clock.js';
import { getCurrentJob } from '../../jobs/current-job.js';
import { jobConnections, type Connections } from '../../jobs/connections.js';
import type { Note } from '../../queue/note.js';
import { describeError } from './error-text.js';
import { perform, LazyAbort } from './perform.js';
import { Handlers, type HandlerSources } from './handlers.js';
import type { FromHorse, RunMessage, RunRequest, ToHorse } from './message.js';
import { takeTicket } from './tickets.js';

const sources = JSON.parse(process.argv[2] ?? '{}') as HandlerSources;
/** How many jobs run at once. */
const slots = Number(process.argv[3] ?? 1);
const handlers = new Handlers(sources);
const running = new Map<string, LazyAbort>();
/** Ends those of them that wait for something with an error. */
const failing = new Map<string, (error: unknown) => void>();
/** Errors that nobody awaits, after which not even those jobs are waited for that go on. */
const MOST_STRAYS = 100;
let strays = 0;
let line: RunMessage[] = [];
const notes = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
let calls = 0;
let quitting = false;
let isLoaded = false;
let connections: readonly Connections[] = [];

// The channel is the worker's. A job that says `process.send?.('ready')`, as programs do that may be forked, speaks to nobody.
const toWorker = process.send?.bind(process);
delete process.send;
const send = (message: FromHorse): void => {
  toWorker?.(message);
};

// The worker decides when a horse ends; a Ctrl-C in the terminal is the worker's to handle.
process.on('SIGINT', () => undefined);
// Without its worker nobody would record what the job does.
process.on('disconnect', () => process.exit(quitting ? 0 : 1));
process.on('uncaughtException', stray);

const loaded = handlers.load();
process.on('message', (message: ToHorse) => {
  receive(message);
});
void loaded.then((problems) => {
  isLoaded = true;
  send({ type: 'ready', problems });
});

/**
 * What was thrown, or rejected, where nobody awaits it. A job that has done so and goes on fails of it; of one that has ended others do not.
 * This process is not trusted with more of them. What belongs to no job may be of any: then it ends at once.
 */
function stray(error: unknown, origin: string): void {
  const [job, told] = [getCurrentJob(), describeError(error)];
  const fail = job && failing.get(job.executionId);
  const whose = fail ? `in job ${job.id}, which fails` : `of job ${job?.id ?? ''}, which has ended`;
  const what = job ? `${whose}; the work horse ends when it is idle` : 'of no job; the work horse ends';
  process.stderr.write(`${told.error}\n(${origin} that nobody awaits, ${what})\n`);
  strays += 1;
  const isOver = !job || strays > MOST_STRAYS;
  send({ type: 'stray', after: isOver ? told.summary : null });
  if (isOver) process.exit(70);
  fail?.(error);
}

function receive(message: ToHorse): void {
  switch (message.type) {
    case 'redis':
      connections = message.targets.map(jobConnections);
      return;
    case 'run':
      for (const one of message.runs) {
        if (one.inLine) line.push(one);
        else void run(one);
      }
      beginNext();
      return;
    case 'abort':
      running.get(message.executionId)?.abort(message.name, message.reason);
      return;
    case 'noted': {
      const noted = notes.get(message.call);
      notes.delete(message.call);
      if (message.error === null) noted?.resolve();
      else noted?.reject(new Error(message.error));
      return;
    }
    case 'quit':
      quitting = true;
      endIfIdle();
  }
}

/** Begins what stands in line, as far as there are slots. Where a ticket is missing the worker has taken back all of it. */
function beginNext(): void {
  while (running.size < slots) {
    const next = line.shift();
    if (!next) return;
    if (!takeTicket()) {
      send({ type: 'dropped', count: line.length + 1 });
      line = [];
      return;
    }
    void run(next);
  }
}

async function run(message: RunMessage): Promise<void> {
  const abort = new LazyAbort();
  running.set(message.executionId, abort);
  if (!isLoaded) await loaded;
  const meta = message.meta === '' ? null : Buffer.from(message.meta, 'base64');
  const request: RunRequest = { ...message, data: Buffer.from(message.data, 'base64'), meta };
  // It promises not to throw; if it does, the job must still end.
  const { executionId } = message;
  const performed = await perform(request, {
    handlers,
    abort,
    connections: connections[message.place ?? 0] ?? null,
    note: (note) => sendNote(message, note),
    onCallback: (note) => {
      send({ type: 'callback', executionId, note });
    },
    watch: (returned) =>
      new Promise((resolve, reject) => {
        failing.set(executionId, reject);
        // Once: there are those that begin their work when they are asked for it.
        void Promise.resolve(returned).then(
          (value) => {
            failing.delete(executionId);
            resolve(value);
          },
          (error: unknown) => {
            failing.delete(executionId);
            reject(error);
          },
        );
      }),
  }).catch((error: unknown) => {
    const now = clock();
    return { functionName: '', startedAtMs: now, endedAtMs: now, ok: false as const, ...describeError(error) };
  });
  running.delete(executionId);
  send({ type: 'done', executionId, performed });
  beginNext();
  endIfIdle();
}

function sendNote({ executionId }: RunMessage, note: Note): Promise<void> {
  calls += 1;
  const call = calls;
  return new Promise<void>((resolve, reject) => {
    notes.set(call, { resolve, reject });
    send({ type: 'note', call, executionId, note });
  });
}

function endIfIdle(): void {
  if (quitting && running.size === 0) process.disconnect();
}
