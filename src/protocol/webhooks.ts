import { dumps } from './json-writer.js';

/** An HTTP request that is sent when a job has ended in that status (RQ 2.10's `Webhook`). */
export interface Webhook {
  /** http:// or https:// */
  readonly url: string;
  readonly jobStatus: 'finished' | 'failed';
  /** Default `GET`; a POST carries the job as JSON. */
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  /** Default 10. */
  readonly timeoutSeconds?: number;
}

export const WEBHOOK_TIMEOUT_SECONDS = 10;

/** The field `webhooks` of a job. */
export function dumpWebhooks(webhooks: readonly Webhook[]): string {
  return dumps(
    webhooks.map(({ url, jobStatus, method = 'GET', headers = null, timeoutSeconds = WEBHOOK_TIMEOUT_SECONDS }) => {
      return { url, job_status: jobStatus, method, headers, timeout: timeoutSeconds };
    }),
  );
}

/** Reads that field. As in RQ one that is not as it should be spoils all: null. */
export function readWebhooks(text: string): Required<Webhook>[] | null {
  try {
    const list: unknown = JSON.parse(text);
    const read = Array.isArray(list) ? list.map(readWebhook) : [null];
    return read.every((webhook) => webhook !== null) ? read : null;
  } catch {
    return null;
  }
}

function readWebhook(item: unknown): Required<Webhook> | null {
  if (typeof item !== 'object' || item === null) return null;
  const {
    url,
    job_status,
    method = 'GET',
    headers,
    timeout = WEBHOOK_TIMEOUT_SECONDS,
  } = item as Record<string, unknown>;
  const jobStatus = job_status === 'finished' || job_status === 'failed' ? job_status : null;
  if (jobStatus === null || (method !== 'GET' && method !== 'POST')) return null;
  if (!isWebUrl(url) || !isTimeout(timeout)) return null;
  if (headers != null && (typeof headers !== 'object' || Array.isArray(headers))) return null;
  const texts = Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)] as const);
  return { url, jobStatus, method, headers: Object.fromEntries(texts), timeoutSeconds: timeout };
}

const isTimeout = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;

export function isWebUrl(url: unknown): url is string {
  return typeof url === 'string' && /^https?:\/\/./i.test(url) && URL.canParse(url);
}
