import { Chalk, type ChalkInstance } from 'chalk';
import type { LogLevel, LogRecord } from '../worker/log-record.js';
import { journalLines, leadsToJournal } from './journal.js';
import type { Output } from './output.js';
import { printable, printableLines } from './render/words.js';

export type LogFormat = 'auto' | 'pretty' | 'json' | 'logfmt' | 'journal';

/** Takes a record; its detail is shown by `pretty` at level debug, and by the machine formats as `detail`. */
export type Log = (record: LogRecord) => void;

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warning: 2, error: 3 };

/** Writes records of at least `level` to `output`, one line each. `auto`: for the journal when that is where stderr leads, else pretty. */
export function createLog(
  output: Lines,
  options: { readonly level: LogLevel; readonly format: LogFormat; readonly env: NodeJS.ProcessEnv },
): Log {
  const format = options.format === 'auto' ? (leadsToJournal(options.env) ? 'journal' : 'pretty') : options.format;
  const write = FORMATS[format];
  const least = RANK[options.level];
  const style = { chalk: new Chalk({ level: output.colour ? 1 : 0 }), verbose: least === 0 };
  return (record) => {
    if (RANK[record.level] >= least) output.write(write(record, style));
  };
}

/** What a log is written to. */
export type Lines = Pick<Output, 'write' | 'colour'>;

/**
 * Writes what is said in one go together, when that is over or at `flush`, and what is left when the process exits: two lines
 * a job, each written by itself, take a quarter of the time that tiny jobs take in child processes.
 */
export function gathered(output: Lines): Lines & { readonly flush: () => void } {
  let text = '';
  const flush = (): void => {
    if (text !== '') output.write(text);
    text = '';
  };
  process.on('exit', flush);
  return {
    colour: output.colour,
    write: (line) => {
      if (text === '') process.nextTick(flush);
      text += line;
    },
    flush,
  };
}

interface Style {
  readonly chalk: ChalkInstance;
  readonly verbose: boolean;
}

const FORMATS: Readonly<Record<Exclude<LogFormat, 'auto'>, (record: LogRecord, style: Style) => string>> = {
  pretty,
  json,
  logfmt,
  journal,
};

/** Of a message of several lines all but the first are indented: a name with a line break in it makes no line that looks like another record. */
const messageLines = (message: string): string => printableLines(message).replaceAll('\n', '\n    ');

function pretty({ level, message: raw, detail }: LogRecord, { chalk, verbose }: Style): string {
  const time = chalk.dim(timeOfDay());
  const message = messageLines(raw);
  const text = level === 'error' ? chalk.red(message) : level === 'warning' ? chalk.yellow(message) : message;
  const more = verbose && detail !== undefined ? indent(detail) : '';
  return `${time} ${text}\n${more}`;
}

let second = { at: NaN, text: '' };

/** Now, by the wall clock of this place: `13:04:59`. Made once a second. */
function timeOfDay(): string {
  const at = Math.floor(Date.now() / 1_000);
  if (second.at !== at) second = { at, text: new Date(at * 1_000).toTimeString().slice(0, 8) };
  return second.text;
}

function json({ level, event, message, fields, detail }: LogRecord): string {
  const time = new Date().toISOString();
  return `${JSON.stringify({ time, level, event, message, ...fields, ...(detail === undefined ? {} : { detail }) })}\n`;
}

function logfmt({ level, event, message, fields, detail }: LogRecord): string {
  const all = {
    time: new Date().toISOString(),
    level,
    event,
    msg: message,
    ...fields,
    ...(detail === undefined ? {} : { detail }),
  };
  const parts = Object.entries<string | number | boolean | null>(all).map(
    ([key, value]) => `${key}=${quoted(value === null ? '' : `${value}`)}`,
  );
  return `${parts.join(' ')}\n`;
}

/** The journal has its own clock, and takes the priority from each line. */
function journal({ level, message: raw, detail }: LogRecord, { verbose }: Style): string {
  const message = messageLines(raw);
  return journalLines(level, verbose && detail !== undefined ? `${message}\n${indent(detail).trimEnd()}` : message);
}

const quoted = (text: string): string =>
  /[\s="\p{Cc}]/u.test(text) || text === '' ? printable(JSON.stringify(text)) : text;

const indent = (text: string): string => `${text.replace(/^/gm, '    ')}\n`;
