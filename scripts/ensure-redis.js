// Sees to it that there is a redis-server or valkey-server: installs one where that needs no question, else says how.
import { spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const PLACES = [
  '/usr/sbin',
  '/usr/local/bin',
  '/usr/local/sbin',
  '/opt/homebrew/bin',
  '/opt/homebrew/opt/valkey/bin',
  '/opt/homebrew/opt/redis/bin',
];

if (find()) process.exit(0);
const way = installer();
if (way) {
  console.error(
    `No redis-server or valkey-server was found: installing one (${way.commands.map((command) => command.join(' ')).join(' && ')})`,
  );
  install(way);
  if (find()) process.exit(0);
}
console.error(
  `tsrq: no redis-server or valkey-server was found. Install one with:\n\n  ${hint()}\n\nor name one in TSRQ_REDIS_BINARY.`,
);
process.exit(69);

function find() {
  const named = process.env.TSRQ_REDIS_BINARY;
  if (named) return isProgram(named);
  const directories = [...(process.env.PATH ?? '').split(delimiter), ...PLACES];
  return ['valkey-server', 'redis-server'].some((name) =>
    directories.some((directory) => directory && isProgram(join(directory, name))),
  );
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function has(program) {
  return spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;
}

function installer() {
  if (process.platform === 'darwin') return has('brew') ? { commands: [['brew', 'install', 'valkey']] } : null;
  const root = process.getuid?.() === 0;
  const sudo = !root && has('sudo') && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0;
  if (!root && !sudo) return null;
  const as = (command) => (sudo ? ['sudo', '-n', ...command] : command);
  if (has('apt-get')) {
    return {
      apt: root,
      commands: [
        as(['apt-get', 'update', '-q']),
        as(['apt-get', 'install', '-q', '-y', '--no-install-recommends', 'redis-server']),
      ],
    };
  }
  if (has('apk')) return { commands: [as(['apk', 'add', 'redis'])] };
  if (has('dnf')) return { commands: [as(['dnf', 'install', '-y', 'valkey'])] };
  return null;
}

function install({ apt, commands }) {
  // Debian would start a server on 6379, which nobody asked for.
  const policy = '/usr/sbin/policy-rc.d';
  const guarded = apt && !existsSync(policy);
  if (guarded) {
    writeFileSync(policy, '#!/bin/sh\nexit 101\n');
    chmodSync(policy, 0o755);
  }
  try {
    for (const [program, ...args] of commands) {
      const { status } = spawnSync(program, args, {
        stdio: ['ignore', 2, 2],
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      });
      if (status !== 0) console.error(`${program} ${args.join(' ')} failed`);
    }
  } finally {
    if (guarded) rmSync(policy, { force: true });
  }
}

function hint() {
  if (process.platform === 'darwin') return 'brew install valkey';
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  if (/^ID(_LIKE)?=.*(debian|ubuntu)/m.test(release)) return 'sudo apt-get install redis-server';
  if (/^ID(_LIKE)?=.*(fedora|rhel)/m.test(release)) return 'sudo dnf install valkey';
  if (/^ID=.*alpine/m.test(release)) return 'sudo apk add redis';
  if (/^ID(_LIKE)?=.*arch/m.test(release)) return 'sudo pacman -S valkey';
  return 'the package redis-server or valkey of your system';
}
