// A screen of a terminal, as text with colours (SGR), as an SVG.
const CHAR = { width: 8.4, height: 19, size: 14 };
const MARGIN = 14;
const COLOURS = ['#3b4252', '#e06c75', '#98c379', '#e5c07b', '#61afef', '#c678dd', '#56b6c2', '#d8dee9'];
const BRIGHT = ['#7f8794', '#ff7b86', '#b5e890', '#ffd68a', '#82c4ff', '#dd8ff0', '#7ad7e3', '#ffffff'];
const TEXT = '#d8dee9';
const GROUND = '#1e222a';
const ESCAPE = '\u001b';
const SGR = new RegExp(`(${ESCAPE}\\[[\\d;]*m)`);

/** Each run of characters gets the width it has in a terminal, whatever font is there to draw it. */
export function toSvg(screen, { columns, title }) {
  const lines = [[{ text: title, style: { dim: true } }], [], ...screen.split('\n').map(runsOf(plain()))];
  const width = Math.ceil(columns * CHAR.width + 2 * MARGIN);
  const height = Math.ceil(lines.length * CHAR.height + 2 * MARGIN);
  const drawn = lines.map((runs, row) => drawLine(runs, row)).filter((line) => line !== '');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escape(title)}</title>`,
    `<rect width="100%" height="100%" rx="8" fill="${GROUND}"/>`,
    `<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="${CHAR.size}" xml:space="preserve">`,
    ...drawn,
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

function plain() {
  return { bold: false, dim: false, inverse: false, fore: null, back: null };
}

/** Takes a line apart; the style goes on from line to line. */
function runsOf(style) {
  return (line) => {
    const runs = [];
    for (const part of line.split(SGR)) {
      if (part.startsWith(ESCAPE)) apply(style, part.slice(2, -1));
      else if (part !== '') runs.push({ text: part, style: { ...style } });
    }
    return runs;
  };
}

function apply(style, codes) {
  for (const code of codes.split(';').map(Number)) {
    if (code === 0) Object.assign(style, plain());
    else if (code === 1) style.bold = true;
    else if (code === 2) style.dim = true;
    else if (code === 7) style.inverse = true;
    else if (code === 22) Object.assign(style, { bold: false, dim: false });
    else if (code === 27) style.inverse = false;
    else if (code >= 30 && code <= 37) style.fore = COLOURS[code - 30];
    else if (code === 39) style.fore = null;
    else if (code >= 40 && code <= 47) style.back = COLOURS[code - 40];
    else if (code === 49) style.back = null;
    else if (code >= 90 && code <= 97) style.fore = BRIGHT[code - 90];
  }
}

function drawLine(runs, row) {
  const y = MARGIN + row * CHAR.height;
  let column = 0;
  let drawn = '';
  for (const { text, style } of runs) {
    const length = [...text].length;
    const [fore, back] = style.inverse
      ? [style.back ?? GROUND, style.fore ?? TEXT]
      : [style.fore ?? TEXT, style.back ?? null];
    const x = round(MARGIN + column * CHAR.width);
    const width = round(length * CHAR.width);
    if (back !== null) drawn += `<rect x="${x}" y="${y}" width="${width}" height="${CHAR.height}" fill="${back}"/>`;
    if (text.trim() !== '') {
      const looks = `${style.bold ? ' font-weight="bold"' : ''}${style.dim ? ' opacity="0.6"' : ''}`;
      drawn += `<text x="${x}" y="${y + 14}" textLength="${width}" lengthAdjust="spacingAndGlyphs" fill="${fore}"${looks}>${escape(text)}</text>`;
    }
    column += length;
  }
  return drawn;
}

function round(number) {
  return Math.round(number * 10) / 10;
}

function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
