import type { WriteStream } from 'node:tty';

/** A stream that text is written to, and what it can show. */
export interface Output {
  write(text: string): void;
  readonly isTTY: boolean;
  /** What is no terminal has as many as `COLUMNS` says, else more than any line should need; a terminal that does not tell has 80. */
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
  /** Calls back when the size has changed; returns how to stop that. */
  onResize(listener: () => void): () => void;
}

/** Columns of a file or a pipe: names and ids are whole for whoever reads them there. */
const WIDE = 1_000;

export type ColourChoice = 'always' | 'never' | 'auto';

/** A process stream as output. Colour: the flag, then NO_COLOR and FORCE_COLOR, else only on a terminal that has it. */
export function outputOf(stream: WriteStream, env: NodeJS.ProcessEnv, choice: () => ColourChoice): Output {
  return {
    write: (text) => {
      stream.write(text);
    },
    get isTTY() {
      return stream.isTTY === true;
    },
    get columns() {
      if (stream.columns > 0) return stream.columns;
      const told = Number(env['COLUMNS']);
      return Number.isInteger(told) && told > 0 ? told : stream.isTTY === true ? 80 : WIDE;
    },
    get rows() {
      return stream.rows > 0 ? stream.rows : 24;
    },
    get colour() {
      return hasColour(stream, env, choice());
    },
    onResize: (listener) => {
      stream.on('resize', listener);
      return () => stream.off('resize', listener);
    },
  };
}

function hasColour(stream: WriteStream, env: NodeJS.ProcessEnv, choice: ColourChoice): boolean {
  if (choice !== 'auto') return choice === 'always';
  if (env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '') return false;
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}
