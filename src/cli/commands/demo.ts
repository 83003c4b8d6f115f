import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Chalk } from 'chalk';
import { Command } from 'commander';
import { TsrqError } from '../../errors.js';
import type { Cli } from '../context.js';
import { findRedisServer, installHint, startPrivateRedis } from '../../redis/private-redis.js';

const BIN = fileURLToPath(new URL('../../../bin/tsrq.js', import.meta.url));
const HANDLERS = fileURLToPath(new URL('../demo/handlers.js', import.meta.url));

/** What the demonstration types, in this order. */
const STEPS: readonly (readonly [comment: string, args: readonly string[]])[] = [
  [
    'Three jobs on two queues; one of them will fail at its first attempt.',
    ['enqueue', '-q', 'low', 'demo.countWords', 'the quick brown fox'],
  ],
  ['', ['enqueue', '-q', 'high', 'demo.sendMail', 'to=bob@example.org']],
  ['', ['enqueue', '-q', 'high', '--job-id', 'charge-1', 'demo.chargeCard', ':42']],
  [
    'A worker takes from high first, then from low, and quits when both are empty.',
    ['worker', '--burst', '--jobs', HANDLERS, 'high', 'low'],
  ],
  ['What there is now: two jobs finished, one failed.', ['info']],
  ['Failed jobs go back on their queues.', ['requeue', '--all']],
  ['This time it succeeds.', ['worker', '--burst', '--jobs', HANDLERS, 'high', 'low']],
  ['', ['info']],
];

export function demoCommand(cli: Cli): Command {
  return new Command('demo')
    .description('Show tsrq at work: jobs, a worker, info and requeue, on a private Redis of which nothing is kept.')
    .action(async () => {
      const server = await findRedisServer(cli.env);
      if (!server) {
        throw new TsrqError('REDIS_UNREACHABLE', 'no redis-server or valkey-server of version 6.2 or newer was found', {
          hint: `install one with: ${installHint()}`,
        });
      }
      const redis = await startPrivateRedis(server);
      const chalk = new Chalk({ level: cli.stdout.colour ? 1 : 0 });
      const stop = cli.interruption();
      try {
        cli.stdout.write(
          `${server.product} ${server.version} on 127.0.0.1:${redis.port}, temporary: nothing is kept\n`,
        );
        for (const [comment, args] of STEPS) {
          if (stop.aborted) break;
          if (comment !== '') cli.stdout.write(`\n${chalk.dim(`# ${comment}`)}\n`);
          cli.stdout.write(`${chalk.bold(`$ tsrq ${args.map(quote).join(' ')}`)}\n`);
          const code = await runTsrq(args, { ...cli.env, TSRQ_REDIS_URL: redis.url }, stop);
          if (code !== 0 && !stop.aborted) throw new Error(`tsrq ${args.join(' ')} exited with ${code}`);
        }
      } finally {
        await redis.stop();
      }
    });
}

function runTsrq(args: readonly string[], env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    // In the root directory there is no configuration of the user's that could change what is shown.
    const child = spawn(process.execPath, [BIN, ...args], { stdio: 'inherit', env: cleaned(env), cwd: '/' });
    signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
    child.once('error', reject);
    child.once('exit', (code) => {
      resolve(code ?? 1);
    });
  });
}

/** Without the user's settings, but for the address of the private server. */
function cleaned(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ours = Object.entries(env).filter(([name]) => name === 'TSRQ_REDIS_URL' || !/^(TSRQ|RQ|REDIS)_/.test(name));
  return Object.fromEntries(ours);
}

const quote = (word: string): string => {
  const shown = word === HANDLERS ? 'handlers.js' : word;
  return /^[\w@.:=/-]+$/.test(shown) ? shown : `'${shown}'`;
};
