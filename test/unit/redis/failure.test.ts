import { describe, expect, it } from 'vitest';
import { classify, unreachable } from '../../../src/redis/failure.js';

const said = (message: string): Error => Object.assign(new Error(message), { name: 'ReplyError' });

/** As Redis 6.2.14 tells what a script met: raised, and in its hands. */
const inScript6 = (text: string): string[] => [
  `ERR Error running script (call to f_932742384f72075e5171b71a006ba3e2fe254ed2): @user_script:1: @user_script: 1: ${text}`,
  `@user_script: 1: ${text}`,
];

describe('what Redis answers is sorted', () => {
  it.each([
    ['connection', "-READONLY You can't write against a read only replica."],
    ['busy', '-NOREPLICAS Not enough good replicas to write.'],
    ['refused', "The user executing the script can't run this command or subcommand"],
    [
      'refused',
      "The user executing the script can't access at least one of the keys mentioned in the command arguments",
    ],
    ['reply', "-OOM command not allowed when used memory > 'maxmemory'."],
  ])('%s: by a script of Redis 6: %s', (kind, text) => {
    for (const message of inScript6(text)) expect(classify(said(message))).toBe(kind);
  });

  it.each([
    ['connection', "READONLY You can't write against a read only replica. script: 9327, on @user_script:1."],
    [
      'refused',
      "ERR The user executing the script can't run this command or subcommand script: 9327, on @user_script:1.",
    ],
    ['refused', 'DENIED Redis is running in protected mode because protected mode is enabled'],
    ['refused', "NOPERM User some has no permissions to run the 'set' command"],
    ['reply', 'WRONGTYPE Operation against a key holding the wrong kind of value'],
    ['reply', 'ERR user_script:3: -1 is no number'],
  ])('%s: by later ones: %s', (kind, message) => {
    expect(classify(said(message))).toBe(kind);
  });
});

describe('what cannot be reached is told with what helps', () => {
  it('of sentinels: none of them, and not what closed the last connection', () => {
    const tried = 'All sentinels are unreachable and retry is disabled. Last error:';
    const told = (last: string): string[] => {
      const { message, hint } = unreachable('redis+sentinel://h:1/m/0', new Error(`${tried} ${last}`));
      return [message, hint ?? ''];
    };
    const start = 'cannot reach Redis at redis+sentinel://h:1/m/0: none of its sentinels can be reached';
    const hint = 'do they run, and are their addresses right?';
    expect(told('Connection is closed.')).toEqual([start, hint]);
    expect(told('connect ETIMEDOUT')).toEqual([`${start}: connect ETIMEDOUT`, hint]);
  });
});
