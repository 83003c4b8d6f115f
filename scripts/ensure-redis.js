// Sees to it that there is a redis-server or valkey-server: installs one where that needs no question, else says how.
// Runs before the build and without dependencies; it looks where src/redis/private-redis.ts looks.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const PLACES = [
  ...['/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/local/sbin', '/opt/homebrew/bin'],
  ...['/opt/homebrew/opt/valkey/bin', '/opt/homebrew/opt/redis/bin'],
];

// Debian starts the server on 6379 and at every boot, which nobody asked for: forbidden while it is installed, undone after.
const APT = `
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' INT TERM
  printf '#!/bin/sh\\nexit 101\\n' >"$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q -o DPkg::Lock::Timeout=120 update
apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends redis-server || exit 1
if command -v systemctl >/dev/null; then systemctl disable redis-server >/dev/null 2>&1; fi
exit 0`;

const named = process.env.TSRQ_REDIS_BINARY;
if (named) {
  if (isServer(named)) process.exit(0);
  console.error(
    `tsrq: TSRQ_REDIS_BINARY is '${named}', which is no redis-server or valkey-server of version 6.2 or newer`,
  );
  process.exit(69);
}
if (isFound()) process.exit(0);
const command = installer();
if (command) {
  console.error('tsrq: no redis-server or valkey-server of version 6.2 or newer was found, installing one');
  const { status } = spawnSync(command[0], command.slice(1), { stdio: ['ignore', 2, 2] });
  if (status === 0 && isFound()) process.exit(0);
}
console.error(
  `tsrq: ${command ? 'installing one has failed' : 'no redis-server or valkey-server of version 6.2 or newer was found'}\n` +
    `  install one with: ${hint()}\n` +
    '  or name one: TSRQ_REDIS_BINARY=/path/to/redis-server',
);
process.exit(69);

function isFound() {
  const directories = [...(process.env.PATH ?? '').split(delimiter).filter((directory) => directory !== ''), ...PLACES];
  return ['valkey-server', 'redis-server'].some((name) =>
    directories.some((directory) => isServer(join(directory, name))),
  );
}

function isServer(path) {
  if (!existsSync(path)) return false;
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 10_000 });
  const [, major, minor] = /v=(\d+)\.(\d+)\./.exec(stdout ?? '') ?? [];
  return Number(major) > 6 || (Number(major) === 6 && Number(minor) >= 2);
}

/** The command that installs a server without asking anything; null where there is none. */
function installer() {
  // Homebrew refuses to run as root, and needs no root.
  if (process.platform === 'darwin') return has('brew') ? ['brew', 'install', 'valkey'] : null;
  const root = process.getuid?.() === 0;
  const sudo = !root && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0;
  if (!root && !sudo) return null;
  const script = has('apt-get')
    ? APT
    : has('dnf')
      ? 'dnf -q -y install valkey || dnf -q -y install redis'
      : has('apk')
        ? 'apk add -q valkey || apk add -q redis'
        : null;
  return script === null ? null : [...(sudo ? ['sudo', '-n'] : []), 'sh', '-c', script];
}

function has(program) {
  return spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;
}

function hint() {
  if (process.platform === 'darwin') return 'brew install valkey';
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  if (/^ID(_LIKE)?=.*(debian|ubuntu)/m.test(release)) return 'sudo apt-get install redis-server';
  if (/^ID(_LIKE)?=.*(fedora|rhel)/m.test(release)) return 'sudo dnf install valkey';
  if (/^ID=.*alpine/m.test(release)) return 'sudo apk add redis';
  if (/^ID(_LIKE)?=.*arch/m.test(release)) return 'sudo pacman -S valkey';
  return "the package redis-server or valkey of your system's package manager";
}
