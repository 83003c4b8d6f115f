import { decodePayload } from '../../protocol/payload.js';
import { jobKey } from '../../protocol/keys.js';
import { fetchLog } from '../../queue/job-log.js';
import { fetchJob, fetchResults } from '../../queue/job-store.js';
import type { Redis } from '../../redis/redis.js';
import { renderJob, shownJson, type Shown } from '../render/job.js';
import { plural, printable } from '../render/words.js';
import type { JobRef } from './actions.js';

/** Lines of a log that are shown. */
const LAST_LINES = 200;
/** Bytes of a payload whose arguments are shown, deflated and inflated. */
const [MOST_BYTES, MOST_INFLATED] = [65_536, 1_048_576];

/** One job in full, as it was seen last. */
export class JobView {
  #shown: Shown | null = null;
  #call: string[] | null = null;
  readonly #ref: JobRef;
  #isGone = false;
  /** The first line that is on the screen. */
  from = 0;

  constructor(ref: JobRef) {
    this.#ref = ref;
  }

  /** With the status that it has now. */
  get ref(): JobRef {
    const status = this.#shown?.job.status ?? this.#ref.state;
    return { ...this.#ref, state: this.#isGone ? 'gone' : status };
  }

  async look(redis: Redis): Promise<void> {
    const { id } = this.#ref;
    const job = await fetchJob(redis, id);
    this.#isGone = job === null;
    if (job === null) return;
    this.#call ??= await callLines(redis, id);
    this.#shown = { job, results: await fetchResults(redis, id), log: await fetchLog(redis, id, { most: LAST_LINES }) };
  }

  /** Not cut to the width of the screen. */
  lines(): string[] {
    const lines = this.#shown === null ? [] : [...(this.#call ?? []), ...renderJob(this.#shown)];
    const gone = this.#isGone ? [`job ${this.#ref.id} is gone: it was deleted, or nothing is kept of it`] : [];
    return [...gone, ...lines].flatMap((line) => line.split('\n')).map(printable);
  }
}

/** The arguments, one a line; they never change. */
async function callLines(redis: Redis, id: string): Promise<string[]> {
  const size = Number(await redis.call(['HSTRLEN', jobKey(id), 'data']));
  if (size > MOST_BYTES) return ['arguments', `  not shown: their payload has ${plural(size, 'byte')}`];
  const data = await redis.callBuffer(['HGET', jobKey(id), 'data']);
  if (!Buffer.isBuffer(data)) return [];
  try {
    const { functionName, args, kwargs } = decodePayload(data, MOST_INFLATED);
    return [
      `function     ${functionName}`,
      'arguments',
      ...args.map((value) => `  ${shownJson(value)}`),
      ...Object.entries(kwargs).map(([name, value]) => `  ${name} = ${shownJson(value)}`),
    ];
  } catch (error) {
    return ['arguments', `  cannot be read: ${error instanceof Error ? error.message : String(error)}`];
  }
}
