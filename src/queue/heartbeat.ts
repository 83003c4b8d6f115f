import type { Redis, RedisArg } from '../redis/redis.js';
import { script } from '../redis/scripts.js';
import { asList, asText, workerArgs, type WorkerStamp } from './claim.js';

export interface RunningExecution {
  readonly id: string;
  readonly executionId: string;
  readonly queue: string;
  /** The job's timeout, seconds; -1 for none; null for a job that has not begun: only its lease is prolonged. */
  readonly timeoutSeconds: number | null;
}

export type Heartbeat =
  | { readonly state: 'ok'; /** Executions that are not ours any more. */ readonly lost: readonly string[] }
  | { readonly state: 'unregistered' | 'replaced' };

/**
 * Prolongs the leases of running executions (RQ: monitoring interval, or the timeout if that is shorter, + 60 s) and the
 * life of the worker's hash, in one atomic step.
 */
export async function heartbeat(
  redis: Redis,
  worker: WorkerStamp,
  running: readonly RunningExecution[],
  now: { readonly state: '' | 'idle' | 'suspended'; readonly workingSeconds: number },
): Promise<Heartbeat> {
  const executions = running.flatMap((run): RedisArg[] => [
    run.id,
    run.executionId,
    run.queue,
    run.timeoutSeconds ?? '',
  ]);
  const args = [...workerArgs(worker), now.state, now.workingSeconds.toFixed(6), ...executions];
  const [state, lost] = asList(await redis.evaluate(script('heartbeat'), [], args));
  const word = asText(state);
  if (word === 'unregistered' || word === 'replaced') return { state: word };
  return { state: 'ok', lost: asList(lost).map(asText) };
}
