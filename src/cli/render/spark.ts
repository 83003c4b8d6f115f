const LEVELS = '▁▂▃▄▅▆▇█';

/** The last values as `width` blocks at most, the newest on the right; the highest of them is a full block. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = width > 0 ? values.slice(-width) : [];
  const highest = Math.max(0, ...shown);
  const level = (value: number): number => (highest <= 0 ? 0 : Math.ceil((value / highest) * (LEVELS.length - 1)));
  return shown.map((value) => LEVELS[level(Math.max(0, value))] ?? '').join('');
}
