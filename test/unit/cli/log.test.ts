import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createLog, gathered } from '../../../src/cli/log.js';

const ENV = {};

function sink() {
  const writes: string[] = [];
  return { writes, colour: false, write: (text: string): void => void writes.push(text) };
}

describe('a log', () => {
  it('writes what is said in one go together, in order, when that is over', async () => {
    const output = sink();
    const log = createLog(gathered(output), { level: 'info', format: 'logfmt', env: ENV });
    for (const message of ['one', 'two']) log({ level: 'info', event: 'said', message });
    expect(output.writes).toEqual([]);
    await nextTurn();
    expect(output.writes.map((text) => text.replace(/time=\S+ /g, ''))).toEqual([
      'level=info event=said msg=one\nlevel=info event=said msg=two\n',
    ]);
    log({ level: 'debug', event: 'said', message: 'too quiet' });
    await nextTurn();
    expect(output.writes).toHaveLength(1);
  });

  it.each(['pretty', 'journal'] as const)('has no line that a name could pass for a record: %s', (format) => {
    const output = sink();
    const log = createLog(output, { level: 'info', format, env: ENV });
    log({ level: 'info', event: 'said', message: 'o\n17:00:00 q: forged' });
    const [first, second] = output.writes.join('').split('\n');
    expect(first).toMatch(/ o$|>o$/);
    expect(second).toMatch(/^(<\d>)? {4}17:00:00 q: forged$/);
  });

  it('writes what is there at a flush, and the rest after it', async () => {
    const output = sink();
    const lines = gathered(output);
    lines.write('one\n');
    lines.flush();
    expect(output.writes).toEqual(['one\n']);
    lines.write('two\n');
    await nextTurn();
    expect(output.writes).toEqual(['one\n', 'two\n']);
  });

  it('tells the time of day of each line by the clock of this place', () => {
    const output = sink();
    const log = createLog(output, { level: 'info', format: 'pretty', env: ENV });
    const before = new Date().toTimeString().slice(0, 8);
    log({ level: 'info', event: 'said', message: 'one' });
    const after = new Date().toTimeString().slice(0, 8);
    expect([`${before} one\n`, `${after} one\n`]).toContain(output.writes[0]);
  });
});
