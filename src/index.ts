export { TsrqError, type ErrorCode } from './errors.js';
export { getCurrentJob, type CurrentJob } from './jobs/current-job.js';
export { job, type Handler } from './jobs/define.js';
export type { FailureCallback, StoppedCallback, SuccessCallback } from './jobs/callbacks.js';
export { Retry, type RetryOptions } from './jobs/retry.js';
export { connect, type ConnectOptions } from './redis/connect.js';
export { parseRedisUrl, type RedisTarget } from './redis/target.js';
export type { Redis } from './redis/redis.js';
export { enqueue, type EnqueuedJob, type NewJob } from './queue/enqueue.js';
export type { FollowUps, RetryPolicy } from './queue/follow-ups.js';
export type { Backoff } from './queue/backoff.js';
export type { Callback } from './protocol/callbacks.js';
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
export { pauseQueue, resumeQueue } from './queue/pause.js';
export { moveQueue, type Moved } from './queue/move.js';
export { compactQueue } from './queue/compact.js';
export { deleteQueue, type DeletedQueue, type DeleteQueueOptions } from './queue/delete-queue.js';
export { empty, emptyOld, type EmptyOldOptions } from './queue/empty.js';
export { emptyRegistry, type EmptyRegistryOptions } from './queue/empty-registry.js';
export { failureGroups, type FailureGroup, type FailuresOptions } from './queue/failures.js';
export type { FailureFilter } from './queue/failed.js';
export { suspend, resume, isSuspended } from './queue/suspend.js';
export { cancelJob, deleteJob, stopJob, type Canceled, type Stopped } from './queue/end-job.js';
export { fetchJob, fetchResults, type FetchedJob, type FetchedResult } from './queue/job-store.js';
export { waitForJob, type JobEnd, type WaitForJobOptions } from './queue/wait-for-job.js';
export { fetchLog, type LogLine } from './queue/job-log.js';
export type { CronFile, CronJob } from './cron/entry.js';
export { snapshot, type Snapshot } from './info.js';
export { JOB_STATES, JobListing, type JobEntry, type JobFilter, type JobState } from './info/job-list.js';
export { startWorker, type RunningWorker } from './worker/start.js';
export type { WorkerOptions } from './worker/options.js';
export type { WorkerEnd, WorkerEvent } from './worker/events.js';
export { VERSION } from './version.js';
