import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Argument, Command } from 'commander';
import type { Settings } from '../../config/settings.js';
import { TsrqError } from '../../errors.js';
import { describeTarget, type RedisTarget } from '../../redis/target.js';
import type { Cli } from '../context.js';
import { changeUnit, forUser, unitWords, type UnitChanges } from '../systemd/unit.js';

const BIN = fileURLToPath(new URL('../../../bin/tsrq.js', import.meta.url));
const UNITS = new URL('../../../systemd/', import.meta.url);
const FILES = { worker: 'tsrq-worker@.service', scheduler: 'tsrq-scheduler.service' } as const;

const HELP = `
The unit starts this very tsrq with this very Node, in the working directory,
with the configuration file that is in use now, and with the arguments given
here. Settings of the environment are not taken over: they belong into
/etc/tsrq/worker.env, which the unit reads. Passwords never belong into a unit.

Examples:
  $ tsrq unit worker high low > /etc/systemd/system/tsrq-worker@.service
  $ tsrq unit worker --output tsrq-worker@.service -- high low --concurrency 4
  $ tsrq unit scheduler --output /etc/systemd/system/tsrq-scheduler.service
  $ tsrq unit --user --output ~/.config/systemd/user/tsrq-worker@.service
then
  $ systemctl daemon-reload
  $ systemctl enable --now tsrq-worker@1 tsrq-worker@2
`;

export function unitCommand(cli: Cli): Command {
  return new Command('unit')
    .description('Write a systemd unit for a worker or the scheduler with the present configuration.')
    .addArgument(new Argument('[what]', 'what is to run').choices(['worker', 'scheduler']).default('worker'))
    .argument('[arguments...]', "its queues; after '--' also its options")
    .option('--user', "for a user's own manager (systemctl --user)")
    .option('--output <file>', 'write it there instead of to stdout')
    .addHelpText('after', HELP)
    .action(async (what: keyof typeof FILES, words: string[], options: { user?: boolean; output?: string }) => {
      const settings = await cli.settings();
      const place = { cwd: cli.cwd, node: process.execPath, settings, what, words };
      const template = readFileSync(new URL(FILES[what], UNITS), 'utf8');
      const unit = changeUnit(options.user === true ? forUser(template) : template, changes(place));
      for (const warning of warnings(place, options.user === true)) cli.stderr.write(`tsrq: ${warning}\n`);
      if (options.output === undefined) cli.stdout.write(unit);
      else write(resolve(cli.cwd, options.output), unit);
    });
}

interface Place {
  readonly cwd: string;
  readonly node: string;
  readonly settings: Settings;
  readonly what: keyof typeof FILES;
  readonly words: readonly string[];
}

function changes({ cwd, node, settings, what, words }: Place): UnitChanges {
  const config = settings.configFile === null ? [] : ['--config', settings.configFile];
  const addresses = redisAddresses(settings);
  return {
    ExecStart: unitWords([node, BIN, what, ...config, ...connectionFlags(settings), ...words]),
    // Taken as it stands, but for what begins with a percent sign.
    WorkingDirectory: cwd.replaceAll('%', '%%'),
    IPAddressAllow: addresses === null ? null : ['localhost', ...addresses].join(' '),
    ...(addresses === null ? { IPAddressDeny: null } : {}),
    ...(neededPaths({ cwd, node, settings, what, words }).some(isInHome) ? { ProtectHome: 'read-only' } : {}),
  };
}

/** What the command line said about Redis. */
function connectionFlags(settings: Settings): string[] {
  const said = settings.entries().filter(({ source }) => source === 'flag --url' || source === 'flag --connection');
  const named = said.find(({ path }) => path === 'connection');
  if (named) return ['--connection', String(named.value)];
  if (said.length === 0) return [];
  const { target } = settings;
  const ofSentinels = target.kind === 'sentinel' ? [target.sentinelPassword, target.sentinelUsername] : [];
  if ([target.password, target.username, ...ofSentinels].some((word) => word !== undefined)) {
    throw new TsrqError('USAGE', 'a unit can be read by everybody, and the URL has a login', {
      hint: 'write it into a configuration file, with passwordFile for the password',
    });
  }
  return ['--url', describeTarget(target)];
}

/** The addresses at which Redis is, those of this machine left out; null where they cannot be known, or change. */
function redisAddresses(settings: Settings): string[] | null {
  const targets: readonly RedisTarget[] = settings.usedConnections().map(({ target }) => target);
  const hosts = targets.flatMap((target) => {
    if (target.kind === 'socket') return [];
    return target.kind === 'sentinel' ? [null] : [target.host];
  });
  const elsewhere = [...new Set(hosts.filter((host) => host === null || !/^(localhost|127\..*|::1)$/.test(host)))];
  return elsewhere.every((host) => host !== null && /^[\d.]+$|:/.test(host)) ? (elsewhere as string[]) : null;
}

function neededPaths({ cwd, node, settings }: Place): string[] {
  const own = [...settings.worker.path, ...settings.worker.jobs].map((path) => resolve(cwd, path));
  return [...new Set([node, BIN, cwd, ...(settings.configFile === null ? [] : [settings.configFile]), ...own])];
}

const isInHome = (path: string): boolean => /^\/(home|root|run\/user)\//.test(`${path}/`);

function warnings(place: Place, user: boolean): string[] {
  const paths = user ? [] : neededPaths(place);
  const fromEnvironment = place.settings.entries().filter(({ source }) => source.startsWith('environment '));
  const names = [...new Set(fromEnvironment.map(({ source }) => source.replace('environment ', '')))];
  return [
    ...paths
      .filter(isInHome)
      .map(
        (path) => `${path} is in a home, where the unit's user may not look: install under /opt or /srv, or use --user`,
      ),
    ...paths
      .filter((path) => /^\/(var\/)?tmp\//.test(`${path}/`))
      .map((path) => `${path} is in a directory that the unit does not see: install under /opt or /srv`),
    ...(names.length === 0 ? [] : [`not in the unit, as it is set in this environment only: ${names.join(', ')}`]),
  ];
}

function write(file: string, unit: string): void {
  try {
    writeFileSync(file, unit);
  } catch (error) {
    throw new TsrqError('USAGE', `the unit cannot be written to ${file}: ${(error as Error).message}`);
  }
}
