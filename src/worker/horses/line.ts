import type { Task } from './task.js';
import { Tickets } from './tickets.js';

/** How many jobs may stand in line at a horse. */
export const MOST_IN_LINE = 15;

/** The jobs that stand in line at a horse, as its worker knows it: the first of them may have begun, unheard of. */
export class Line {
  readonly #tickets = Tickets.open();
  #tasks: Task[] = [];
  /** How many have been taken back that the horse does not know of. */
  #owed = 0;
  #mayGrow = this.#tickets !== null;

  /** What the horse inherits as its TICKETS_FD; null where nothing can stand in line. */
  get fd(): number | null {
    return this.#tickets?.fd ?? null;
  }
  get length(): number {
    return this.#tasks.length;
  }
  /** Tickets carry no names: as long as the horse would take a new one for a job that was taken back, there is no place. */
  get hasPlace(): boolean {
    return this.#mayGrow && this.#owed === 0 && this.#tasks.length < MOST_IN_LINE;
  }

  add(task: Task): void {
    this.#tasks.push(task);
  }

  /** Makes tickets for the last so many; returns those that can have none and stand here no more: none, or all of these. */
  issue(count: number): Task[] {
    if (count === 0) return [];
    try {
      this.#tickets?.issue(count);
      return [];
    } catch {
      // The file may not grow any more (RLIMIT_FSIZE).
      this.#mayGrow = false;
      return this.#tasks.splice(this.#tasks.length - count);
    }
  }

  /** Empties the line, also while the horse is in a busy loop, or dead: some have begun, the others never will here. */
  takeBack(): { readonly begun: readonly Task[]; readonly left: readonly Task[] } {
    const tasks = this.#tasks.splice(0);
    const count = tasks.length > 0 ? (this.#tickets?.takeBack(tasks.length) ?? 0) : 0;
    this.#owed += count;
    return { begun: tasks.slice(0, tasks.length - count), left: tasks.slice(tasks.length - count) };
  }

  /** The horse has found out about so many. */
  dropped(count: number): void {
    this.#owed -= count;
  }

  /** Takes out the job of that execution and all before it: it has begun, and they before it. */
  takeUpTo(executionId: string): Task[] {
    return this.#tasks.splice(0, this.#tasks.findIndex(({ request }) => request.executionId === executionId) + 1);
  }

  close(): void {
    this.#tickets?.close();
  }
}
