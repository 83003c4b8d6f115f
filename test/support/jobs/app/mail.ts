import { getCurrentJob } from 'tsrq';

enum Kind {
  Plain = 'plain',
}

export const send = async (to: string): Promise<string> =>
  `${Kind.Plain} to ${to} by ${getCurrentJob()?.workerName ?? '?'}`;
