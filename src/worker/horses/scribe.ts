import { MOST_LINE_BYTES, MOST_LINES, type Note } from '../../queue/note.js';

export interface ScribeParts {
  /** The meta of the job as it is now, serialised. */
  readonly meta: () => string;
  readonly write: (note: Note) => Promise<void>;
}

/** Milliseconds between two notes at least; what is said meanwhile goes with the next. */
const PAUSE_MS = 500;
/** What is said in one go makes one note. */
const GATHER_MS = 20;

/** Gathers what a running job tells of itself, and writes it down now and then: however much that is, it costs little. */
export class Scribe {
  readonly #parts: ScribeParts;
  #lines: string[] = [];
  #nextNumber = 1;
  #metaDue = false;
  #writing = false;
  #timer: NodeJS.Timeout | null = null;
  #lastAt = -Infinity;
  #ended = false;

  constructor(parts: ScribeParts) {
    this.#parts = parts;
  }

  /** A text of several lines is as many lines of the log. */
  log(text: string): void {
    if (this.#ended) return;
    for (const line of text.split(/\r?\n/)) this.#lines.push(shortened(line));
    if (this.#lines.length > MOST_LINES) this.#forget(this.#lines.length - MOST_LINES);
    this.#soon();
  }

  /** The meta has changed. */
  metaChanged(): void {
    if (this.#ended) return;
    this.#metaDue = true;
    this.#soon();
  }

  /** The job is over: what is left is written at once, and nothing after it. */
  end(): void {
    this.#ended = true;
    if (this.#timer) clearTimeout(this.#timer);
    if (this.#lines.length > 0 || this.#metaDue) this.#write();
  }

  /** The oldest are not written at all: they would be the first to go. */
  #forget(count: number): void {
    this.#lines.splice(0, count);
    this.#nextNumber += count;
  }

  #soon(): void {
    if (this.#timer || this.#writing) return;
    const due = Math.max(GATHER_MS, this.#lastAt + PAUSE_MS - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#write();
    }, due);
  }

  #write(): void {
    const note = { meta: this.#takeMeta(), lines: this.#lines, firstLine: this.#nextNumber };
    this.#nextNumber += this.#lines.length;
    this.#lines = [];
    this.#lastAt = performance.now();
    this.#writing = true;
    // What is refused is lost: the execution is not this one's any more, or Redis has no room for it.
    void this.#parts
      .write(note)
      .catch(() => undefined)
      .finally(() => {
        this.#writing = false;
        if (!this.#ended && (this.#lines.length > 0 || this.#metaDue)) this.#soon();
      });
  }

  #takeMeta(): string | null {
    if (!this.#metaDue) return null;
    this.#metaDue = false;
    try {
      return this.#parts.meta();
    } catch (error) {
      process.emitWarning(`the progress of a job is not written: its meta cannot be serialised: ${String(error)}`);
      return null;
    }
  }
}

function shortened(line: string): string {
  if (line.length * 3 <= MOST_LINE_BYTES || Buffer.byteLength(line) <= MOST_LINE_BYTES) return line;
  // A character that was cut through decodes to U+FFFD.
  const kept = Buffer.from(line.slice(0, MOST_LINE_BYTES))
    .subarray(0, MOST_LINE_BYTES - 3)
    .toString();
  return `${kept.replace(/\ufffd+$/, '')}…`;
}
