/** `1 job`, `2 jobs`. */
export const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

/** A text of at most `width` characters; what does not fit ends with `…`. */
export function cut(text: string, width: number): string {
  if (text.length <= width) return text;
  return width <= 0 ? '' : `${text.slice(0, width - 1)}…`;
}

/** A duration in two figures: `3s`, `4m`, `2h`, `5d`. */
export function age(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

const SCALES = [20, 50, 100, 200, 400, 600, 800, 1_000];

/** A bar of at most `width` blocks; its scale is RQ's, the first of 20, 50, … 1000 that holds the longest. */
export function bar(count: number, longest: number, width: number): string {
  const scale = SCALES.find((candidate) => candidate >= longest) ?? longest;
  return '█'.repeat(Math.floor((count * width) / scale));
}
