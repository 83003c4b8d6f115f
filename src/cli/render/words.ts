/** `1 job`, `2 jobs`. */
export const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

/** A duration in one figure: `3s`, `4m`, `2h`, `5d`. */
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

/** A text that takes one line and cannot steer the terminal, whoever has written it. */
export const printable = (text: string): string =>
  ASCII.test(text)
    ? text
    : text.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');

/** As `printable`, of a text that may take several lines. */
export const printableLines = (text: string): string =>
  text
    .split(/\r?\n/)
    .map((line) => printable(line.replaceAll('\t', '    ')))
    .join('\n');

/** How many cells of a terminal a text takes. */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const segment of graphemesOf(text)) width += cells(segment);
  return width;
}

/** A text of at most `width` cells; what does not fit ends with `…`. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  if (width <= 0) return '';
  let kept = '';
  let left = width - 1;
  for (const segment of graphemesOf(text)) {
    left -= cells(segment);
    if (left < 0) break;
    kept += segment;
  }
  return `${kept}…`;
}

const PLAIN = /^[\x20-\x7e█–…·]*$/;
const ASCII = /^[\x20-\x7e]*$/;
/** Made when it is needed: it takes as long as all the rest of a command. */
let segmenter: Intl.Segmenter | null = null;

function* graphemesOf(text: string): Iterable<string> {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  for (const { segment } of segmenter.segment(text)) yield segment;
}

const ZERO = /^[\p{M}\p{Cf}]+$/u;
/** East Asian wide characters, and what is drawn as a picture. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u;

const cells = (grapheme: string): number => (ZERO.test(grapheme) ? 0 : WIDE.test(grapheme) ? 2 : 1);
