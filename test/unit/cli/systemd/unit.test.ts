import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { changeUnit, forUser, unitWords } from '../../../../src/cli/systemd/unit.js';

const read = (file: string): string => readFileSync(new URL(`../../../../${file}`, import.meta.url), 'utf8');
const worker = read('systemd/tsrq-worker@.service');
const directives = (unit: string): string[] => unit.split('\n').filter((line) => /^[A-Za-z]+=/.test(line));

describe('changing a unit', () => {
  it('replaces the values of the named lines and nothing else', () => {
    const changed = changeUnit(worker, { ExecStart: '/bin/true', WorkingDirectory: '/srv/app' });
    const [before, after] = [worker.split('\n'), changed.split('\n')];
    expect(after).toHaveLength(before.length);
    const different = after.filter((line, i) => line !== before[i]);
    expect(different).toEqual(['WorkingDirectory=/srv/app', 'ExecStart=/bin/true']);
  });

  it('takes lines away, and with them a paragraph that is left with its comments alone', () => {
    const changed = changeUnit(worker, { IPAddressDeny: null, IPAddressAllow: null });
    expect(changed).not.toMatch(/IPAddress|Only hosts that are named/);
    expect(directives(changed)).toHaveLength(directives(worker).length - 2);
  });

  it('leaves a paragraph of comments that has nothing to lose', () => {
    expect(changeUnit('# one\n\n[Unit]\nA=1\n', { A: '2' })).toBe('# one\n\n[Unit]\nA=2\n');
  });
});

describe("a unit for a user's manager", () => {
  it.each(['tsrq-worker@.service', 'tsrq-scheduler.service'])('%s has nothing that needs the system', (file) => {
    const unit = forUser(read(`systemd/${file}`));
    expect(unit).not.toMatch(
      /DynamicUser|Private|Protect|CapabilityBoundingSet|IPAddress|LoadCredential|network-online|tsrq\.target|systemctl (?!--user)/,
    );
    expect(unit).toContain('[Install]\nWantedBy=default.target\n');
    expect(unit).toContain('NoNewPrivileges=yes\n');
  });
});

describe('words of a command line', () => {
  it.each([
    [['/usr/bin/node', 'worker', 'high=5', '--path', './a-b_c'], '/usr/bin/node worker high=5 --path ./a-b_c'],
    [['100%', '$HOME', '%i'], '100%% $$HOME %%i'],
    [['two words', ''], '"two words" ""'],
    [['"quoted"', 'back\\slash', 'line\nend', "it's"], '"\\"quoted\\"" "back\\\\slash" "line\\nend" "it\'s"'],
    [['a;b', 'ä'], '"a;b" "ä"'],
  ])('%j become %s', (words, text) => {
    expect(unitWords(words)).toBe(text);
  });
});

it('the units are in the package', () => {
  expect((JSON.parse(read('package.json')) as { files: string[] }).files).toContain('systemd');
});
