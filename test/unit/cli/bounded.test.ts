import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { bounded } from '../../../src/cli/bounded.js';

describe('what is written to somebody who does not read', () => {
  it('waits up to a limit, is lost beyond it, and goes on with how much that was', async () => {
    const read: string[] = [];
    let goOn: (() => void) | null = null;
    let isStalled = true;
    const stream = new Writable({
      write: (chunk: Buffer, _, done) => {
        read.push(chunk.toString());
        if (isStalled) goOn = done;
        else done();
      },
    });
    const lost: number[] = [];
    const out = bounded(stream, (bytes) => lost.push(bytes), 10);
    for (const text of ['12345678', 'ä', Buffer.from('xyz'), 'lost ü', Buffer.from('lost')]) out.write(text);
    expect(lost).toEqual([]);
    isStalled = false;
    (goOn as (() => void) | null)?.();
    await new Promise(setImmediate);
    out.write('again');
    out.write('more');
    expect(read.join('')).toBe('12345678äxyzagainmore');
    expect(lost).toEqual([11]);
  });
});
