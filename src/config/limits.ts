/** `mail=10/s`: the name of a queue may have any character, `=` too. */
const LIMIT = /^(.+)=(\d+)(\/[smh])?$/s;
/** Of the starts within the time each is kept. */
const MOST_IN_A_TIME = 10_000;

/** Whether a text is a queue and its limit. */
export function isLimit(text: string): boolean {
  const [, , number, unit] = LIMIT.exec(text) ?? [];
  return Number(number) >= 1 && Number(number) <= (unit === undefined ? Number.MAX_SAFE_INTEGER : MOST_IN_A_TIME);
}

/** The limits of each queue that has some, as the worker takes them. */
export function limitsByQueue(limits: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const text of limits) {
    const [, queue = '', number = '', unit = ''] = LIMIT.exec(text) ?? [];
    found.set(queue, `${found.get(queue) ?? ''} ${number}${unit}`.trim());
  }
  return found;
}
