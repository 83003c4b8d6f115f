/** The hash of a worker at its birth. */
export interface Birth {
  /** A date; also the first heartbeat. */
  readonly date: string;
  readonly queues: readonly string[];
  readonly pid: number;
  readonly hostname: string;
  /** `ip:port`, or `unknown`. */
  readonly ipAddress: string;
  readonly version: string;
  /** What RQ shows as the version of Python. */
  readonly runtime: string;
}

/** What a worker of tsrq tells of itself beside RQ's fields; RQ reads its own fields by name and leaves others alone. */
export interface WorkerNotes {
  /** Jobs at once. */
  readonly concurrency: number;
  /** Told to take no new jobs. */
  readonly quiet: boolean;
  /** A date; '' until it is told to stop. */
  readonly shutdownRequested: string;
}

/** The fields of `rq:worker:<name>` that hold the notes. `shutdown_requested_date` is RQ's. */
export function noteFields(notes: WorkerNotes): [field: string, value: string][] {
  const fields: [string, string][] = [
    ['tsrq_concurrency', String(notes.concurrency)],
    ['tsrq_quiet', notes.quiet ? '1' : ''],
  ];
  return notes.shutdownRequested === '' ? fields : [...fields, ['shutdown_requested_date', notes.shutdownRequested]];
}

/** The fields of `rq:worker:<name>` as RQ writes them at birth. */
export function birthFields(birth: Birth): [field: string, value: string][] {
  return [
    ['birth', birth.date],
    ['last_heartbeat', birth.date],
    ['queues', birth.queues.join(',')],
    ['pid', String(birth.pid)],
    ['hostname', birth.hostname],
    ['ip_address', birth.ipAddress],
    ['version', birth.version],
    ['python_version', birth.runtime],
    ['state', 'started'],
  ];
}
