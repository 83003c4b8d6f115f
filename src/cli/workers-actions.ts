/** What may stand behind `tsrq workers`. */
export const WORKERS_ACTIONS = ['list', 'quiet', 'resume', 'stop', 'kill-job', 'scale'] as const;
export type WorkersAction = (typeof WORKERS_ACTIONS)[number];
