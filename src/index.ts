// Modules of jobs import this, in every work horse: what takes long to load (the client, the configuration's reader, the worker)
// is loaded when it is used.
export { TsrqError, type ErrorCode, type TsrqErrorOptions } from './errors.js';
export { job } from './app/job.js';
export type { Enqueuer, JobFunction, JobResult } from './app/job-function.js';
export type { JobOptions } from './app/definition.js';
export type { Duration, EnqueueOptions, JobReference } from './app/options.js';
export type { StandardSchemaV1 } from './app/standard-schema.js';
export { Queue, type AnyJobs, type BehindName, type JobMap, type ManyItem } from './app/queue.js';
export { Job, JobNotFinishedError } from './app/queued-job.js';
export { Registry, type RegistryName } from './app/registry.js';
export { Group } from './app/group.js';
export type { EmptyOptions, FailedFilter, RequeueAllOptions, SteppedOptions } from './app/bulk-options.js';
export type { QueueEvent, WatchOptions } from './app/watch.js';
export type { Progress } from './protocol/progress.js';
export { Tsrq, type NamedConnection, type Settings, type WorkerSettings } from './app/tsrq.js';
export type { ConnectionLike, ConnectionOptions } from './app/connections.js';
export { popConnection, pushConnection, withConnection } from './app/with-connection.js';
export { Worker } from './app/worker.js';
export type { WorkerOptions, WorkerPlace } from './app/worker-options.js';
export type { WorkerHooks } from './app/hooks.js';
export type { LogFields, Logger } from './app/logger.js';
export type { ChannelMessages, JobAbandoned, JobEnded, JobEnqueued, JobLost, JobStarted } from './diagnostics.js';
export type { PerformTrace } from './jobs/tracing.js';
export { snapshot, startWorker } from './app/lazy-verbs.js';
export { getCurrentJob, type CurrentJob } from './jobs/current-job.js';
export type { Handler } from './jobs/define.js';
export type { FailureCallback, StoppedCallback, SuccessCallback } from './jobs/callbacks.js';
export { Retry, type RetryOptions } from './jobs/retry.js';
export { connect, type ConnectOptions } from './redis/connect.js';
export { givenClient, type GivenClient } from './redis/given.js';
export {
  parseRedisUrl,
  type HostPort,
  type RedisTarget,
  type SentinelTarget,
  type SocketTarget,
  type TcpTarget,
  type TlsSettings,
} from './redis/target.js';
export type {
  BufferReply,
  Durability,
  DurableReply,
  Redis,
  RedisArg,
  RedisCommand,
  Reply,
  Script,
} from './redis/redis.js';
export type { Connections } from './jobs/connections.js';
export type { Call, Serializer } from './protocol/payload.js';
export { enqueue, type EnqueuedJob, type NewJob } from './queue/enqueue.js';
export type { FollowUps, RetryPolicy } from './queue/follow-ups.js';
export type { Backoff } from './queue/backoff.js';
export type { Callback, Callbacks } from './protocol/callbacks.js';
export type { Webhook } from './protocol/webhooks.js';
export { enqueueMany, type EnqueueOutcome, type EnqueueManyOptions } from './queue/enqueue-many.js';
export { enqueueGroup, type EnqueuedGroup } from './queue/enqueue-group.js';
export {
  groupNames,
  groupMembers,
  groupStatus,
  deleteGroup,
  type GroupMember,
  type GroupStatus,
} from './queue/group.js';
export { requeueAll, requeueIds, type Requeued, type RequeueOptions } from './queue/requeue.js';
export { isPaused, pauseQueue, resumeQueue } from './queue/pause.js';
export { moveQueue, type Moved } from './queue/move.js';
export { MOVABLE, moveJobs, type Movable, type MoveJobsOptions } from './queue/move-jobs.js';
export { compactQueue } from './queue/compact.js';
export { deleteQueue, type DeletedQueue, type DeleteQueueOptions } from './queue/delete-queue.js';
export { empty, emptyOld, type EmptyOldOptions } from './queue/empty.js';
export { emptyRegistry, type EmptyRegistryOptions } from './queue/empty-registry.js';
export { cleanQueue, type CleanedQueue, type CleanQueueOptions } from './queue/clean-queue.js';
export { failureGroups, type FailureGroup, type FailuresOptions } from './queue/failures.js';
export type { FailureFilter } from './queue/failed.js';
export { suspend, resume, isSuspended } from './queue/suspend.js';
export { cancelJob, deleteJob, stopJob, type Canceled, type Stopped } from './queue/end-job.js';
export { fetchJob, fetchResults, type FetchedJob, type FetchedResult } from './queue/job-store.js';
export { waitForJob, type JobEnd, type WaitForJobOptions } from './queue/wait-for-job.js';
export { fetchLog, type LogLine } from './queue/job-log.js';
export type { CronFile, CronJob, MissedPolicy } from './cron/entry.js';
export type { BrokenQueue, QueueCounts, QueueInfo, Snapshot, Totals, WorkerInfo } from './info.js';
export type { RunningJob } from './info/worker.js';
export { JOB_STATES, JobListing, type JobEntry, type JobFilter, type JobState } from './info/job-list.js';
export type { RunningWorker } from './worker/start.js';
export type { WorkerOptions as CoreWorkerOptions } from './worker/options.js';
export type { WorkerEnd, WorkerEndReason, WorkerEvent } from './worker/events.js';
export type { WorkerMeasures } from './worker/worker.js';
export type { WeightedQueue } from './worker/intake.js';
export type { HandlerSources } from './worker/horses/handlers.js';
export type { Completion, Performer, RunHandle, RunListener } from './worker/horses/performer.js';
export type { CallbackNote, LateCallback, Performed, RunRequest } from './worker/horses/message.js';
export type { Note } from './queue/note.js';
export type { DequeueStrategy } from './queue/claim.js';
export type { Ending, Repetition } from './queue/finish.js';
export { VERSION } from './version.js';
