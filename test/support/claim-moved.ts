import { moment } from '../../src/clock.js';
import { movedClaim, readClaim, type Claim, type MovedClaim, type WorkerStamp } from '../../src/queue/claim.js';
import type { Redis } from '../../src/redis/redis.js';

/** What follows a wait, by a call of its own; null if nothing was moved. */
export async function claimMoved(redis: Redis, worker: WorkerStamp, moved: MovedClaim): Promise<Claim | null> {
  const { script, args } = movedClaim(worker, moved);
  const reply = await redis.evaluate(script, [], args);
  return reply === 0 ? null : readClaim(reply, moment());
}
