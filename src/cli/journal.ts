import { fstatSync } from 'node:fs';

/** syslog's priorities, as journald reads them from the head of a line. */
export const PRIORITY = { debug: 7, info: 6, warning: 4, error: 3 } as const;

/** Text for the journal: each of its lines has the priority, which counts for that line only. */
export function journalLines(level: keyof typeof PRIORITY, text: string): string {
  const lines = text.split('\n');
  return lines.map((line) => `<${PRIORITY[level]}>${line}\n`).join('');
}

/** Whether stderr leads to systemd's journal. */
export function leadsToJournal(env: NodeJS.ProcessEnv): boolean {
  const stream = env['JOURNAL_STREAM'];
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(2);
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}
