import { publish, type JobEnded } from '../diagnostics.js';
import type { WorkerEvent } from './events.js';

/** Publishes what a worker of that name tells of its jobs, then calls `onEvent`. */
export function published(worker: string, onEvent: (event: WorkerEvent) => void): (event: WorkerEvent) => void {
  return (event) => {
    publishEvent(worker, event);
    onEvent(event);
  };
}

function publishEvent(worker: string, event: WorkerEvent): void {
  switch (event.type) {
    case 'job-started': {
      const { id, queue, description, attempt, enqueuedAt } = event;
      publish('tsrq:job:started', () => ({ worker, id, queue, description, attempt, enqueuedAt }));
      return;
    }
    case 'job-ended':
      publishEnd(worker, event);
      return;
    case 'job-lost':
      publish('tsrq:job:lost', () => ({ worker, id: event.id, queue: event.queue }));
      return;
    case 'abandoned': {
      const { id, queue, workerName: deadWorker, ending } = event;
      const outcome = ending.state;
      if (outcome !== 'failed' && outcome !== 'retried') return;
      publish('tsrq:job:abandoned', () => ({ worker, id, queue, deadWorker, outcome }));
      return;
    }
    default:
  }
}

function publishEnd(worker: string, event: Extract<WorkerEvent, { readonly type: 'job-ended' }>): void {
  const { ending, id, queue } = event;
  const ended = (againInSeconds: number | null): JobEnded => {
    const { description, attempt, seconds, error } = event;
    return { worker, id, queue, description, attempt, seconds, error, againInSeconds };
  };
  switch (ending.state) {
    case 'finished':
      publish('tsrq:job:finished', () => ended(ending.repeat?.inSeconds ?? null));
      return;
    case 'retried':
      publish('tsrq:job:retried', () => ended(ending.inSeconds));
      return;
    case 'failed':
    case 'stopped':
      publish(`tsrq:job:${ending.state}`, () => ended(null));
      return;
    case 'repeated':
      // The reply that told what became of it was lost; whether a failed one is run again is not known.
      publish(event.error === null ? 'tsrq:job:finished' : 'tsrq:job:failed', () => ended(null));
      return;
    case 'lost':
      publish('tsrq:job:lost', () => ({ worker, id, queue }));
      return;
    case 'returned':
  }
}
