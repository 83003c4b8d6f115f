import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Leaves its mark where a killed process cannot take it back; from `holdAt` on it does not end by itself. */
export async function note(file, n, holdAt = null) {
  appendFileSync(file, `${n}\n`);
  if (holdAt !== null && n >= holdAt) await sleep(600_000);
}

/** Does not let anything else run in its process. */
export function hog(ms) {
  const end = Date.now() + ms;
  while (Date.now() < end);
}

export const nothing = () => null;
