import { Command, InvalidArgumentError } from 'commander';
import { TsrqError } from '../../../errors.js';
import { JOB_STATES, JobListing, type JobEntry, type JobFilter, type JobState } from '../../../info/job-list.js';
import { chosenConnections, queuesByConnection, workOnEach, type QueuesOfConnection } from '../../connections.js';
import { defined, type Cli } from '../../context.js';
import { moment, waitingTime, whole } from '../../values.js';
import { printable } from '../../render/words.js';

interface Options {
  state?: JobState[];
  function?: string;
  match?: string;
  since?: number;
  before?: number;
  olderThan?: number;
  limit: number;
  oldestFirst?: boolean;
  ids?: boolean;
}

const EXAMPLES = `
Examples:
  $ tsrq job list --state failed --match timeout --since 2h
  $ tsrq job list high low --state queued,started --oldest-first
  $ tsrq job list --state failed --ids --limit 0 | xargs tsrq requeue
  $ tsrq job list --older-than 7d --json | jq .jobs
`;

export function listCommand(cli: Cli): Command {
  return new Command('list')
    .description('List the jobs of queues and registries. Never changes anything.')
    .argument('[queues...]', 'names of queues (default: all)')
    .option('--state <states>', `only jobs that are ${JOB_STATES.join(', ')}; with commas, or repeatable`, states)
    .option('--function <name>', 'only jobs that call this function')
    .option('--match <text>', 'only jobs whose error holds this text, in any case')
    .option('--since <when>', 'only from this moment on: 2030-01-02T03:04:05, or an age as 2h', (text) => moment(text))
    .option('--before <when>', 'only before this moment, or this age', (text) => moment(text))
    .option('--older-than <age>', 'the same as --before with an age', ago)
    .option('--limit <n>', 'so many at most; 0 for all', whole(0), 50)
    .option('--oldest-first', 'begin with the oldest (default: with the newest)')
    .option('--ids', 'print ids alone, one in a line')
    .addHelpText('after', EXAMPLES)
    .action(async (queues: string[], options: Options) => {
      if (options.ids === true && cli.json) throw new TsrqError('USAGE', '--ids and --json exclude each other');
      const settings = await cli.settings();
      const places = queues.length > 0 ? queuesByConnection(settings, queues) : chosenConnections(settings);
      const printer = cli.json
        ? new JsonPrinter(cli)
        : options.ids === true
          ? new IdPrinter(cli)
          : new TablePrinter(cli);
      const outage = await workOnEach(places, (place) => list(cli, place, options, printer, places.length > 1)).catch(
        (error: unknown) => ({ error }),
      );
      if (outage === null) {
        await printer.end();
        return;
      }
      await printer.abandon();
      throw 'error' in outage ? outage.error : outage;
    });
}

function states(text: string, before: readonly JobState[] | undefined): JobState[] {
  const named = text.split(',').map((name) => {
    const state = JOB_STATES.find((known) => known === name.trim());
    if (state) return state;
    throw new InvalidArgumentError(`'${name}' is none of ${JOB_STATES.join(', ')}`);
  });
  return [...(before ?? []), ...named];
}

const ago = (text: string): number => Date.now() - waitingTime(text) * 1_000;

function filterOf(options: Options, queues: readonly string[] | null): JobFilter {
  const before = [options.before, options.olderThan].filter((ms) => ms !== undefined);
  return {
    order: options.oldestFirst === true ? 'oldest' : 'newest',
    ...defined({
      queues: queues ?? undefined,
      states: options.state,
      functionName: options.function,
      match: options.match,
      sinceMs: options.since,
      beforeMs: before.length > 0 ? Math.min(...before) : undefined,
    }),
  };
}

/** Prints entries as they come, as far as their form allows: memory does not grow with their number. */
interface Printer {
  add(connection: string, entry: JobEntry): Promise<void> | void;
  /** There may be more than was asked for. */
  more(): void;
  end(): Promise<void> | void;
  /** Instead of `end`, when a Redis goes away: what was found is shown, and a document that has begun has its end. */
  abandon(): Promise<void> | void;
}

async function list(
  cli: Cli,
  { name, target, queues }: QueuesOfConnection,
  options: Options,
  printer: Printer,
  severalConnections: boolean,
): Promise<void> {
  const listing = new JobListing(await cli.connect(target), filterOf(options, queues));
  let count = 0;
  for await (const entry of listing.entries()) {
    await printer.add(name, entry);
    count += 1;
    if (count === options.limit) break;
  }
  const where = severalConnections ? ` on ${name}` : '';
  for (const problem of listing.problems) cli.stderr.write(`${printable(`tsrq: ${problem}${where}`)}\n`);
  if (listing.problems.length > 0) cli.exitCode = 1;
  if (listing.exhausted) return;
  printer.more();
  cli.stderr.write(`There may be more than these ${count}${where}: --limit N shows more, --limit 0 all\n`);
}

class IdPrinter implements Printer {
  readonly #cli: Cli;

  constructor(cli: Cli) {
    this.#cli = cli;
  }
  add(_: string, { id }: JobEntry): void {
    this.#cli.stdout.write(`${id}\n`);
  }
  more(): void {}
  end(): void {}
  abandon(): void {}
}

class JsonPrinter implements Printer {
  readonly #cli: Cli;
  #count = 0;
  #more = false;

  constructor(cli: Cli) {
    this.#cli = cli;
  }
  add(connection: string, entry: JobEntry): void {
    this.#cli.stdout.write(`${this.#count === 0 ? '{"jobs":[' : ','}${JSON.stringify({ connection, ...entry })}`);
    this.#count += 1;
  }
  more(): void {
    this.#more = true;
  }
  end(): void {
    this.#cli.stdout.write(`${this.#count === 0 ? '{"jobs":[' : ''}],"more":${this.#more}}\n`);
  }
  abandon(): void {
    this.more();
    if (this.#count > 0) this.end();
  }
}

/** Rows of one table: of more, the widths of columns are found anew. */
const BLOCK = 1_000;

class TablePrinter implements Printer {
  readonly #cli: Cli;
  #rows: JobEntry[] = [];
  #printed = 0;

  constructor(cli: Cli) {
    this.#cli = cli;
  }
  async add(_: string, entry: JobEntry): Promise<void> {
    this.#rows.push(entry);
    if (this.#rows.length >= BLOCK) await this.#print();
  }
  more(): void {}
  async end(): Promise<void> {
    await this.abandon();
    if (this.#printed === 0) this.#cli.stdout.write('No jobs\n');
  }
  async abandon(): Promise<void> {
    if (this.#rows.length > 0) await this.#print();
  }
  async #print(): Promise<void> {
    const { renderJobs } = await import('../../render/job-list.js');
    const { columns, colour } = this.#cli.stdout;
    this.#cli.stdout.write(`${renderJobs(this.#rows, { columns, colour, nowMs: Date.now() }).join('\n')}\n`);
    this.#printed += this.#rows.length;
    this.#rows = [];
  }
}
