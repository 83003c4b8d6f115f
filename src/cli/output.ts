import type { WriteStream } from 'node:tty';

/** A stream that text is written to, and what it can show. */
export interface Output {
  write(text: string): void;
  readonly isTTY: boolean;
  /** 80 where the terminal does not tell. */
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
  /** Calls back when the size has changed; returns how to stop that. */
  onResize(listener: () => void): () => void;
}

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
      return stream.columns > 0 ? stream.columns : 80;
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
