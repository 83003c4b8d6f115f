import type { Held } from '../queue/claim.js';

/** How soon a limit on jobs at once is looked at again, milliseconds: nobody tells when another worker's job ends. */
const FIRST_LOOK_MS = 50;
const LAST_LOOK_MS = 1_000;

interface Hold {
  /** By `performance.now()`. */
  readonly untilMs: number;
  /** It was told that the queue may be asked again. */
  isOver: boolean;
  /** How long the next look would be put off, if the time is not known. */
  readonly stepMs: number;
}

/** The queues of a worker whose limits are met, and when to look at them again. */
export class HeldBack {
  readonly #holds = new Map<string, Hold>();
  readonly #onOver: () => void;
  #timer: NodeJS.Timeout | null = null;

  /** `onOver`: called when a queue may be asked again. */
  constructor(onOver: () => void) {
    this.#onOver = onOver;
  }

  /** Whether a queue is not to be asked now. */
  has(queue: string): boolean {
    return performance.now() < (this.#holds.get(queue)?.untilMs ?? 0);
  }

  /** Whether a queue is to be asked later. */
  get isWaiting(): boolean {
    return [...this.#holds.values()].some(({ isOver }) => !isOver);
  }

  /** Holds queues back for as long as Redis has said. */
  add(held: readonly Held[]): void {
    const now = performance.now();
    for (const { queue, afterMs } of held) {
      const before = this.#holds.get(queue);
      // Held back ever since: nothing has come free for a while.
      const isLong = before !== undefined && now - before.untilMs < LAST_LOOK_MS;
      const stepMs = isLong ? before.stepMs : FIRST_LOOK_MS;
      this.#holds.set(queue, {
        untilMs: now + (afterMs ?? stepMs),
        isOver: false,
        stepMs: Math.min(LAST_LOOK_MS, stepMs * 2),
      });
    }
    if (held.length > 0) this.#setTimer();
  }

  /** Asks no more. */
  forget(): void {
    this.#holds.clear();
    this.#setTimer();
  }

  #tell(): void {
    const now = performance.now();
    const over = [...this.#holds.values()].filter(({ untilMs, isOver }) => !isOver && untilMs <= now);
    for (const hold of over) hold.isOver = true;
    if (over.length > 0) this.#onOver();
  }

  #setTimer(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const ends = [...this.#holds.values()].flatMap(({ untilMs, isOver }) => (isOver ? [] : [untilMs]));
    if (ends.length === 0) return;
    this.#timer = setTimeout(
      () => {
        this.#tell();
        this.#setTimer();
      },
      // Timers may fire a little early.
      Math.max(0, Math.min(...ends) - performance.now()) + 1,
    );
  }
}
