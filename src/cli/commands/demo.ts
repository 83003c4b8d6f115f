import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
    .addHelpText('after', '\nExamples:\n  $ tsrq demo\n  $ TSRQ_REDIS_BINARY=/opt/valkey/bin/valkey-server tsrq demo')
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
      const dir = mkdtempSync(join(tmpdir(), 'tsrq-demo-'));
      try {
        // An address that is given as an option is that of every queue; no file of the user's changes what is shown.
        const settings = join(dir, 'tsrq.config.json');
        writeFileSync(settings, '{}');
        cli.stdout.write(
          `${server.product} ${server.version} on 127.0.0.1:${redis.port}, temporary: nothing is kept\n`,
        );
        for (const [comment, args] of STEPS) {
          if (stop.aborted) break;
          if (comment !== '') cli.stdout.write(`\n${chalk.dim(`# ${comment}`)}\n`);
          cli.stdout.write(`${chalk.bold(`$ tsrq ${args.map(quote).join(' ')}`)}\n`);
          const code = await runTsrq(['--url', redis.url, '--config', settings, ...args], cli.env, stop);
          if (code !== 0 && !stop.aborted) throw new Error(`tsrq ${args.join(' ')} exited with ${code}`);
        }
      } finally {
        await redis.stop();
        rmSync(dir, { recursive: true, force: true });
      }
    });
}

function runTsrq(args: readonly string[], env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...args], { stdio: 'inherit', env: cleaned(env), cwd: '/' });
    signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
    child.once('error', reject);
    child.once('exit', (code) => {
      resolve(code ?? 1);
    });
  });
}

/** Without the user's settings. */
function cleaned(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(TSRQ|RQ|REDIS)_/.test(name)));
}

const quote = (word: string): string => {
  const shown = word === HANDLERS ? 'handlers.js' : word;
  return /^[\w@.:=/-]+$/.test(shown) ? shown : `'${shown}'`;
};
