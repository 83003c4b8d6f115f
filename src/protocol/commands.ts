/** What is published on `rq:pubsub:<worker>`; newer RQ names the execution. `tsrq:…` are our own: RQ's workers pass over what they do not know. */
export type WorkerCommand =
  | { readonly command: 'shutdown' }
  | { readonly command: 'kill-horse' }
  | { readonly command: 'stop-job'; readonly jobId: string }
  | { readonly command: 'stop-execution'; readonly jobId: string; readonly executionId: string }
  | { readonly command: 'tsrq:quiet' | 'tsrq:resume' }
  | { readonly command: 'tsrq:scale'; readonly concurrency: number }
  | { readonly command: 'unknown' };

/** Reads a published command; never throws. */
export function parseCommand(text: string): WorkerCommand {
  let message: Record<string, unknown>;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return { command: 'unknown' };
    message = value as Record<string, unknown>;
  } catch {
    return { command: 'unknown' };
  }
  const { command, job_id: jobId, execution_id: executionId } = message;
  if (command === 'shutdown' || command === 'kill-horse') return { command };
  if (command === 'tsrq:quiet' || command === 'tsrq:resume') return { command };
  const { concurrency } = message;
  if (command === 'tsrq:scale' && Number.isSafeInteger(concurrency) && Number(concurrency) >= 1) {
    return { command, concurrency: Number(concurrency) };
  }
  if (command === 'stop-job' && typeof jobId === 'string') return { command, jobId };
  if (command === 'stop-execution' && typeof jobId === 'string' && typeof executionId === 'string') {
    return { command, jobId, executionId };
  }
  return { command: 'unknown' };
}
