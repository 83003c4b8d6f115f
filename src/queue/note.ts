import { serialisedBytes } from '../protocol/payload.js';
import type { Redis } from '../redis/redis.js';
import { script } from '../redis/scripts.js';

/** What a running job tells of itself. */
export interface Note {
  /** As `serialise` returns it; null leaves it as it is. */
  readonly meta: string | null;
  /** Of its log. */
  readonly lines: readonly string[];
  /** The number of the first of them, from 1; they are counted through an execution: by it a repetition is told. */
  readonly firstLine: number;
}

/** Lines of the log of one job that are kept, and bytes of each: about a megabyte in all. */
export const [MOST_LINES, MOST_LINE_BYTES] = [1_000, 1_024];

/** Writes a note of a running job, in one atomic step; false when the execution is not ours any more: nothing was written. */
export async function writeNote(
  redis: Redis,
  run: { readonly id: string; readonly executionId: string; readonly queue: string },
  { meta, lines, firstLine }: Note,
): Promise<boolean> {
  const bytes = meta === null ? '' : serialisedBytes(meta);
  const args = [run.id, run.executionId, run.queue, bytes, firstLine, ...lines];
  return (await redis.evaluate(script('note'), [], args)) === 1;
}
