import type { WorkerEvent } from '../../worker/events.js';

const MOST_LETTERS = 200;

/** The one line that says what a worker does now, from what it has told. */
export class WorkerStatus {
  readonly #queues: readonly string[];
  #done = 0;
  /** Since when, by the name of the connection; '' for the only one. */
  readonly #away = new Map<string, string>();
  #pause: string | null = null;
  #isStopping = false;

  constructor(queues: readonly string[]) {
    this.#queues = queues;
  }

  /** `place`: which of several Redis servers it is about. */
  see(event: WorkerEvent, place: string | null = null): void {
    const of = place === null ? '' : ` of ${place}`;
    if (event.type === 'job-ended') this.#done += 1;
    else if (event.type === 'redis-lost') this.#away.set(of, new Date().toTimeString().slice(0, 8));
    else if (event.type === 'redis-regained') this.#away.delete(of);
    else if (event.type === 'suspended') this.#pause = `RQ${of} is suspended`;
    else if (event.type === 'quiet') this.#pause = 'quiet, takes no new jobs';
    else if (event.type === 'resumed') this.#pause = null;
    else if (event.type === 'stopping' || event.type === 'cold') this.#isStopping = true;
  }

  /** `running`: one text for each running job. */
  line(running: readonly string[]): string {
    const away = [...this.#away].map(([of, since]) => `Redis${of} is away since ${since}`);
    const parts = [...away, ...this.#state(running), `${this.#done} done`];
    return parts.join('; ');
  }

  #state(running: readonly string[]): string[] {
    const state = this.#isStopping ? 'stopping' : this.#pause;
    if (running.length > 0)
      return [...(state === null ? [] : [state]), cut(`${running.length} running: ${running.join(', ')}`)];
    return [state ?? cut(`waiting for jobs on ${this.#queues.join(', ')}`)];
  }
}

const cut = (text: string): string => {
  const letters = [...text];
  return letters.length > MOST_LETTERS ? `${letters.slice(0, MOST_LETTERS).join('')}…` : text;
};
