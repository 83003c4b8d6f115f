import { parseCommand } from '../protocol/commands.js';
import type { WorkerEndReason, WorkerEvent } from './events.js';
import type { Run } from './run.js';

/** What commands are about: a worker, or all that work together under its name. */
export interface Commanded {
  readonly runs: readonly Run[];
  stop(reason: WorkerEndReason, because: string): void;
  quiet(): void;
  unquiet(): void;
  scale(concurrency: number): void;
}

/**
 * Obeys what RQ's `send_shutdown_command`, `send_kill_horse_command`, `send_stop_job_command` and `tsrq workers` publish.
 * `here`: the runs of the Redis by which it came, whose jobs' ids mean something there only.
 */
export function obey(
  message: string,
  { worker, here }: { readonly worker: Commanded; readonly here: readonly Run[] },
  tell: (event: WorkerEvent) => void,
): void {
  const command = parseCommand(message);
  switch (command.command) {
    case 'shutdown':
      tell({ type: 'command', text: 'shutdown' });
      worker.stop('shutdown', 'a shutdown command');
      return;
    case 'kill-horse':
      tell({ type: 'command', text: `kill-horse: ${worker.runs.length} running` });
      for (const run of worker.runs) {
        const text = 'Work-horse terminated unexpectedly; killed by a kill-horse command (signal 9)';
        run.interrupt({ kind: 'failed', name: 'HorseKilled', text }, 0);
      }
      return;
    case 'stop-job':
    case 'stop-execution': {
      const execution = command.command === 'stop-execution' ? command.executionId : null;
      const isMeant = ({ job }: Run): boolean =>
        job.id === command.jobId && (execution === null || job.executionId === execution);
      const run = here.find(isMeant);
      tell({ type: 'command', text: `${command.command} ${command.jobId}${run ? '' : ': not running here, ignored'}` });
      const text = 'Job stopped by user, work-horse terminated.';
      run?.interrupt({ kind: 'stopped', name: 'JobStopped', text, callback: 'stopped' });
      return;
    }
    case 'tsrq:quiet':
      tell({ type: 'command', text: 'quiet' });
      worker.quiet();
      return;
    case 'tsrq:resume':
      tell({ type: 'command', text: 'resume' });
      worker.unquiet();
      return;
    case 'tsrq:scale':
      tell({ type: 'command', text: `scale to ${command.concurrency}` });
      worker.scale(command.concurrency);
      return;
    case 'unknown':
      tell({ type: 'warning', message: `a message that is no command was ignored: ${message.slice(0, 200)}` });
  }
}
