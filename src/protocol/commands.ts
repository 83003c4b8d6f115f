export type WorkerCommand = { command: 'shutdown' } | { command: 'kill-horse' } | { command: 'stop-job'; jobId: string } | { command: 'stop-execution'; jobId: string; executionId: string } | { command: 'unknown'; text: string };
export function parseCommand(text: string): WorkerCommand {
  try {
    const v = JSON.parse(text) as Record<string, string>;
    if (v['command'] === 'shutdown' || v['command'] === 'kill-horse') return { command: v['command'] };
    if (v['command'] === 'stop-job') return { command: 'stop-job', jobId: v['job_id'] ?? '' };
    if (v['command'] === 'stop-execution') return { command: 'stop-execution', jobId: v['job_id'] ?? '', executionId: v['execution_id'] ?? '' };
  } catch { /* unknown */ }
  return { command: 'unknown', text };
}
