import { Command } from 'commander';
import { VERSION } from '../version.js';
import type { Cli, CommonFlags, ProcessCli } from './context.js';
import type { Output } from './output.js';

interface Entry {
  readonly summary: string;
  readonly load: () => Promise<(cli: ProcessCli) => Command>;
}

/** Every command; its module is loaded only when it is used. */
const COMMANDS: Readonly<Record<string, Entry>> = {
  worker: {
    summary: 'take jobs from queues and run them',
    load: async () => (await import('./commands/worker.js')).workerCommand,
  },
  'worker-pool': {
    summary: "`worker --concurrency N` under RQ's name",
    load: async () => (await import('./commands/worker-pool.js')).workerPoolCommand,
  },
  workers: {
    summary: 'list workers, quiet, stop or scale them by name',
    load: async () => (await import('./commands/workers.js')).workersCommand,
  },
  scheduler: {
    summary: 'move scheduled jobs that are due to their queues',
    load: async () => (await import('./commands/scheduler.js')).schedulerCommand,
  },
  info: {
    summary: 'show queues and workers',
    load: async () => (await import('./commands/info.js')).infoCommand,
  },
  metrics: {
    summary: 'print metrics for Prometheus, or write them to a file',
    load: async () => (await import('./commands/metrics.js')).metricsCommand,
  },
  health: {
    summary: 'say by exit code whether Redis and a worker are well',
    load: async () => (await import('./commands/health.js')).healthCommand,
  },
  tail: {
    summary: 'show what happens to jobs as it happens',
    load: async () => (await import('./commands/tail.js')).tailCommand,
  },
  top: {
    summary: 'watch queues, workers and jobs on the whole terminal, and act on them',
    load: async () => (await import('./commands/top.js')).topCommand,
  },
  enqueue: {
    summary: 'put a job on a queue',
    load: async () => (await import('./commands/enqueue.js')).enqueueCommand,
  },
  cron: {
    summary: 'enqueue jobs at their times',
    load: async () => (await import('./commands/cron.js')).cronCommand,
  },
  job: {
    summary: 'list jobs, look at them, wait for them, requeue, cancel, stop or delete them',
    load: async () => (await import('./commands/job.js')).jobCommand,
  },
  group: {
    summary: 'look at groups of jobs, or delete them',
    load: async () => (await import('./commands/group.js')).groupCommand,
  },
  queue: {
    summary: 'look at queues, pause, move, compact or delete them',
    load: async () => (await import('./commands/queue.js')).queueCommand,
  },
  requeue: {
    summary: 'put failed jobs back on their queues',
    load: async () => (await import('./commands/requeue.js')).requeueCommand,
  },
  move: {
    summary: 'move jobs from one queue to another',
    load: async () => (await import('./commands/move.js')).moveCommand,
  },
  failures: {
    summary: 'show what fails, grouped by function and error',
    load: async () => (await import('./commands/failures.js')).failuresCommand,
  },
  empty: {
    summary: 'remove the jobs of queues',
    load: async () => (await import('./commands/empty.js')).emptyCommand,
  },
  clean: {
    summary: 'take out of registries what should not be there any more',
    load: async () => (await import('./commands/clean.js')).cleanCommand,
  },
  suspend: {
    summary: 'let workers start no new jobs',
    load: async () => (await import('./commands/suspend.js')).suspendCommand,
  },
  resume: {
    summary: 'let workers start jobs again',
    load: async () => (await import('./commands/resume.js')).resumeCommand,
  },
  config: {
    summary: 'show the effective configuration and where each value comes from',
    load: async () => (await import('./commands/config.js')).configCommand,
  },
  doctor: {
    summary: 'look for what is wrong with a Redis, and say what helps',
    load: async () => (await import('./commands/doctor.js')).doctorCommand,
  },
  completion: {
    summary: 'print the completion for bash, zsh or fish',
    load: async () => {
      const { completionCommand } = await import('./commands/completion.js');
      return (cli) => completionCommand(cli, (words) => buildProgram(words, cli));
    },
  },
  unit: {
    summary: 'write a systemd unit for a worker or the scheduler',
    load: async () => (await import('./commands/unit.js')).unitCommand,
  },
  demo: {
    summary: 'show tsrq at work on a private, temporary Redis',
    load: async () => (await import('./commands/demo.js')).demoCommand,
  },
};

/** The names of all commands. */
export const COMMAND_NAMES: readonly string[] = Object.keys(COMMANDS);

/** The program for these arguments: the command they name in full, of the others name and summary. */
export async function buildProgram(argv: readonly string[], cli: ProcessCli): Promise<Command> {
  const program = new Command('tsrq')
    .description('Redis Queue for TypeScript, wire-compatible with Python RQ')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .enablePositionalOptions()
    .exitOverride()
    .showSuggestionAfterError()
    .addHelpText('after', HELP_EXAMPLES);
  addCommonOptions(program, []);
  const wanted = commandName(argv);
  for (const [name, entry] of Object.entries(COMMANDS)) {
    const command = name === wanted ? (await entry.load())(cli) : new Command(name);
    command.summary(entry.summary).exitOverride().showSuggestionAfterError();
    if (name === wanted) {
      if (command.description() === '') command.description(entry.summary);
      takeCommonOptions(command, [program], cli);
    }
    configureErrors(command, cli);
    program.addCommand(command);
  }
  configureErrors(program, cli);
  // Commander itself would show the help of the program.
  if (argv[0] === 'help' && wanted !== undefined && wanted !== 'help' && !COMMAND_NAMES.includes(wanted))
    program.error(`error: unknown command '${wanted}'`);
  return program;
}

/** Makes a command and those below it take the common options; `above`: the commands whose options hold for it too. */
function takeCommonOptions(command: Command, above: readonly Command[], cli: ProcessCli): void {
  addCommonOptions(
    command,
    command.options.flatMap((option) => [option.short, option.long]),
  );
  const path = [...above, command];
  if (command.commands.length === 0) {
    command.hook('preAction', () => {
      Object.assign(cli.flags, ...path.map(pickCommon));
    });
  }
  for (const below of command.commands) {
    below.exitOverride().showSuggestionAfterError();
    configureErrors(below, cli);
    takeCommonOptions(below, path, cli);
  }
}

const HELP_EXAMPLES = `
Exit codes:
  0    all was done, or there was nothing to do
  1    at least one item could not be done
  2    a wrong option, value or argument
  6    the configuration is wrong
  69   Redis cannot be reached, or refuses us
  70   a bug in tsrq, or data in Redis that is not RQ's
  75   refused for now: suspended, a name in use, too few replicas
  124  the time to wait for a job is over
  130  interrupted by SIGINT; 143: by SIGTERM

Examples:
  $ tsrq worker high low            take jobs from high, then from low
  $ tsrq info --interval 1          watch queues and workers
  $ tsrq requeue --all              put every failed job back on its queue
  $ tsrq enqueue mail.send bob@example.org
`;

const COMMON: readonly (readonly [flags: string, description: string])[] = [
  ['-u, --url <url>', 'Redis: redis://, rediss://, unix://, redis+sentinel://'],
  ['-c, --config <file>', 'configuration file'],
  ['--connection <name>', 'one of the named connections of the configuration'],
  ['--json', 'print JSON'],
  ['-v, --verbose', 'print more'],
  ['-q, --quiet', 'print only warnings'],
  ['--no-color', 'print without colour'],
];

/** Adds the common options, but not those (or not under that letter) that the command has for itself. */
function addCommonOptions(command: Command, own: readonly (string | undefined)[]): void {
  for (const [flags, description] of COMMON) {
    const long = /--[\w-]+/.exec(flags)?.[0];
    const short = /^-\w\b/.exec(flags)?.[0];
    if (own.includes(long)) continue;
    const free = short !== undefined && own.includes(short) ? flags.replace(/^-\w, /, '') : flags;
    command.option(free, description);
  }
}

const COMMON_KEYS = ['url', 'config', 'connection', 'verbose', 'quiet', 'json', 'color'] as const;

function pickCommon(command: Command): CommonFlags {
  const given = COMMON_KEYS.filter((key) => command.getOptionValueSource(key) === 'cli');
  return Object.fromEntries(given.map((key) => [key, command.getOptionValue(key) as unknown]));
}

/** The first argument that is neither an option nor an option's value. */
function commandName(argv: readonly string[]): string | undefined {
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] ?? '';
    if (word === '--') return argv[i + 1];
    if (!word.startsWith('-')) return word === 'help' ? argv[i + 1] : word;
    if (['-u', '--url', '-c', '--config', '--connection'].includes(word)) i += 1;
  }
  return undefined;
}

const helpWidth = ({ isTTY, columns }: Output): number => (isTTY ? columns : Math.min(columns, 80));

function configureErrors(command: Command, cli: Cli): void {
  command.configureOutput({
    writeOut: (text) => {
      cli.stdout.write(text);
    },
    writeErr: (text) => {
      cli.stderr.write(text);
    },
    outputError: (text, write) => {
      write(text.replace(/^error: /, 'tsrq: '));
    },
    getOutHelpWidth: () => helpWidth(cli.stdout),
    getErrHelpWidth: () => helpWidth(cli.stderr),
  });
}
