import { TsrqError } from '../errors.js';
import type { WorkerEvent } from '../worker/events.js';
import { HandlerError, Handlers, type HandlerSources } from '../worker/horses/handlers.js';
import type { Log } from './log.js';

type Ended = Extract<WorkerEvent, { type: 'job-ended' }>;

/** Milliseconds that a worker which has ended waits for handlers that still report something. */
const PATIENCE_MS = 5_000;

/** The functions of `--exception-handler`. */
export interface ExceptionHandlers {
  /** Calls them if the job did not succeed, one after the other, until one answers false; what one throws is logged. Not waited for. */
  readonly tell: (event: WorkerEvent) => void;
  /** Returns when they have nothing more to do, or do not come to an end. */
  readonly settled: () => Promise<void>;
}

/** Finds them by their names, as functions of jobs are found, and loads them into this process. USAGE for one that is not there. */
export async function exceptionHandlers(
  names: readonly string[],
  sources: HandlerSources,
  log: Log,
): Promise<ExceptionHandlers> {
  const handlers = new Handlers(sources);
  await handlers.load();
  const chain: ((event: Ended) => unknown)[] = [];
  for (const name of names) {
    const found = await handlers.resolve(name).catch((error: unknown) => notThere(name, error));
    chain.push(found as (event: Ended) => unknown);
  }
  const busy = new Set<Promise<void>>();
  const call = async (event: Ended): Promise<void> => {
    for (const [i, handle] of chain.entries()) {
      try {
        if ((await handle(event)) === false) return;
      } catch (error) {
        const message = `the exception handler ${names[i] ?? ''} failed: ${error instanceof Error ? error.message : String(error)}`;
        log({ level: 'warning', event: 'exception-handler', message });
      }
    }
  };
  return {
    tell: (event) => {
      if (event.type !== 'job-ended' || event.error === null) return;
      const work = call(event).finally(() => busy.delete(work));
      busy.add(work);
    },
    settled: async () => {
      const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS).unref());
      await Promise.race([Promise.all(busy), patience]);
    },
  };
}

function notThere(name: string, error: unknown): never {
  if (!(error instanceof HandlerError)) throw error;
  throw new TsrqError('USAGE', `--exception-handler ${name}: ${error.message}`, { cause: error });
}
