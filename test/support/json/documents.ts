import type { JsonDocument } from './fields.js';
import { GROUP_DOCUMENTS } from './groups.js';
import { JOB_DOCUMENTS } from './jobs.js';
import { OPERATION_DOCUMENTS } from './operations.js';
import { QUEUE_DOCUMENTS } from './queues.js';
import { WORKER_DOCUMENTS } from './workers.js';

export type { JsonDocument } from './fields.js';

/** What every command prints with `--json`, strictly. `schemas/` and `docs/json.md` are made from it. */
export const DOCUMENTS: readonly JsonDocument[] = [
  ...QUEUE_DOCUMENTS,
  ...WORKER_DOCUMENTS,
  ...JOB_DOCUMENTS,
  ...GROUP_DOCUMENTS,
  ...OPERATION_DOCUMENTS,
];

export function documentOf(name: string): JsonDocument {
  const found = DOCUMENTS.find((document) => document.name === name);
  if (!found) throw new Error(`there is no document ${name}`);
  return found;
}
