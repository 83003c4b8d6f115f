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
