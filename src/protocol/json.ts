export class UnserializableError extends Error {
  override readonly name = 'UnserializableError';
}
/** Placeholder until the full dialect lands. */
export function dumps(value: unknown): string {
  const text = JSON.stringify(value);
  if (text === undefined) throw new UnserializableError(`$: a ${typeof value} cannot be written as JSON`);
  return text;
}
export const loads = (text: string): unknown => JSON.parse(text);
