/** How far a job is, as `progress` and `progress_text` of its meta tell. */
export interface Progress {
  /** 0 to 100. */
  readonly percent: number;
  readonly text: string | null;
}

/** How far a job is, by its meta, whoever has written it; null where it does not tell. */
export function progressOf(meta: unknown): Progress | null {
  if (typeof meta !== 'object' || meta === null) return null;
  // Python's may have keys that are no texts.
  const values: unknown = meta instanceof Map ? Object.fromEntries(meta as Map<string, unknown>) : meta;
  const { progress: percent, progress_text: text } = values as Record<string, unknown>;
  if (typeof percent !== 'number' || !Number.isFinite(percent)) return null;
  return { percent, text: typeof text === 'string' ? text : null };
}

export function setProgress(meta: Record<string, unknown>, percent: number, text: string | undefined): void {
  meta['progress'] = percent;
  if (text === undefined) delete meta['progress_text'];
  else meta['progress_text'] = text;
}
