import { jobConnections } from '../../jobs/connections.js';
import type { Note } from '../../queue/note.js';
import type { RedisTarget } from '../../redis/target.js';
import type { WorkerOptions } from '../options.js';
import { Handlers } from './handlers.js';
import { InProcess } from './in-process.js';
import type { RunRequest } from './message.js';
import type { Performer } from './performer.js';
import { HorsePool } from './pool.js';

export type PerformerOptions = Pick<
  WorkerOptions,
  'isolation' | 'sources' | 'handlers' | 'jobsPerHorse' | 'maxJobsPerHorse' | 'maxMemoryBytes' | 'onStderr'
>;

export interface PerformerHost {
  /** Writes what a running job tells of itself. */
  readonly note: (run: RunRequest, note: Note) => Promise<void>;
  /** Told what an operator should know, once while it lasts. */
  readonly warn: (message: string) => void;
}

/** What runs the jobs of these Redis servers. */
export function createPerformer(
  options: PerformerOptions,
  targets: readonly RedisTarget[],
  { note, warn }: PerformerHost,
): Performer {
  const { isolation, sources, handlers, jobsPerHorse, maxJobsPerHorse, maxMemoryBytes, onStderr } = options;
  if (isolation === 'none') return new InProcess(new Handlers(sources, handlers), note, targets.map(jobConnections));
  return new HorsePool({ targets, sources, jobsPerHorse, maxJobsPerHorse, maxMemoryBytes, onStderr, note, warn });
}
