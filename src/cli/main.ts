import { setTimeout as sleep } from 'node:timers/promises';
import { CommanderError } from 'commander';
import { TsrqError, type ErrorCode } from '../errors.js';
import { nextStep } from '../redis/failure.js';
import { maskUrls } from '../redis/target.js';
import { processCli, type ProcessCli } from './context.js';
import { journalLines, leadsToJournal } from './journal.js';
import { buildProgram } from './program.js';
import { printableLines } from './render/words.js';

/** Where error codes become exit codes; cli.md's table. */
const EXIT_CODES: Readonly<Record<ErrorCode, number>> = {
  USAGE: 2,
  CONFIG: 6,
  REDIS_UNREACHABLE: 69,
  REDIS_REFUSED: 69,
  BAD_DATA: 70,
  SUSPENDED: 75,
  NAME_TAKEN: 75,
  NOT_REPLICATED: 75,
  JOB_EXISTS: 1,
  TIMED_OUT: 124,
  NO_PROCESS: 70,
  CLOSED: 1,
};

/** Runs the command line and ends the process. */
export async function main(argv: readonly string[]): Promise<never> {
  const cli = processCli();
  hideSecrets(argv);
  watchOutput(cli);
  const code = await run(argv, cli);
  cli.close();
  process.exitCode = code;
  await flushed();
  // What could not be written to a file is told in the next turn of the event loop.
  await new Promise(setImmediate);
  process.exit(code);
}

async function run(argv: readonly string[], cli: ProcessCli): Promise<number> {
  try {
    const program = await buildProgram(argv, cli);
    await program.parseAsync(argv, { from: 'user' });
    return cli.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return report(error, cli);
  }
}

function report(error: unknown, cli: ProcessCli): number {
  if (error instanceof TsrqError) {
    const stack = cli.flags.verbose === true ? `\n${error.stack ?? ''}` : '';
    complain(cli, `tsrq: ${error.message}${hintLine(error.hint)}${stack}`);
    return EXIT_CODES[error.code];
  }
  if (error instanceof Error && error.name === 'ReplyError') {
    complain(cli, `tsrq: Redis answered: ${error.message}${hintLine(nextStep(error))}`);
    return error.message.startsWith('WRONGTYPE') ? EXIT_CODES.BAD_DATA : 1;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  complain(cli, `tsrq: this is a bug in tsrq, please report it:\n${text}`);
  return 70;
}

const hintLine = (hint: string | undefined): string => (hint === undefined ? '' : `\n  ${hint}`);

function complain(cli: ProcessCli, text: string): void {
  const shown = printableLines(text);
  cli.stderr.write(leadsToJournal(cli.env) ? journalLines('error', shown) : `${shown}\n`);
}

/** A password on the command line is shown by `ps` to everybody; from now on it is not. */
function hideSecrets(argv: readonly string[]): void {
  const masked = argv.map(maskUrls);
  if (masked.some((word, i) => word !== argv[i])) process.title = ['tsrq', ...masked].join(' ');
}

/**
 * `tsrq info | head -3` is no error, `tsrq info > /dev/full` is one; a worker, or `tsrq requeue --all | head -1`, goes on when nobody
 * reads any more or a disk is full, and says that it is.
 */
function watchOutput(cli: ProcessCli): void {
  let isTold = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' && !cli.outlivesReader) process.exit(0);
    if (error.code === 'EPIPE' || isTold) return;
    isTold = true;
    complain(cli, `tsrq: what is to be said cannot be written: ${error.message}`);
    if (!cli.outlivesReader) process.exit(1);
    cli.exitCode = 1;
  });
  // There is nobody left to tell.
  process.stderr.on('error', () => undefined);
}

/** How long a process that has ended waits for whoever should read what it has said on stderr, milliseconds. */
const LAST_WORDS_MS = 5_000;

/** Pipes are written asynchronously on some systems: what was printed must arrive. A pager has all the time it wants, the reader of a log has not. */
async function flushed(): Promise<void> {
  const written = async (stream: NodeJS.WriteStream): Promise<void> => {
    if (stream.writableLength === 0) return;
    await new Promise<void>((resolve) => {
      stream.write('', () => {
        resolve();
      });
    });
  };
  await written(process.stdout);
  await Promise.race([written(process.stderr), sleep(LAST_WORDS_MS, undefined, { ref: false })]);
}
