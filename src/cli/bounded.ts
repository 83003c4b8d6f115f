import type { Writable } from 'node:stream';

/** Bytes that may wait for whoever reads. */
const MOST_WAITING = 8 * 1_048_576;

/** Text, or bytes, on their way to somebody who may not read them. */
export interface Bounded {
  readonly write: (chunk: string | Buffer) => void;
}

/**
 * Writes to a stream that somebody may read too slowly, or not at all: a worker neither waits for them nor fills its memory with what they have not read.
 * What comes while 8 MiB wait is lost. `onLost`: called when something is written again, with how much that was, bytes.
 */
export function bounded(stream: Writable, onLost: (bytes: number) => void, most = MOST_WAITING): Bounded {
  let lost = 0;
  return {
    write: (chunk) => {
      if (stream.writableLength > most) {
        lost += Buffer.byteLength(chunk);
        return;
      }
      stream.write(chunk);
      if (lost === 0) return;
      const bytes = lost;
      lost = 0;
      onLost(bytes);
    },
  };
}
