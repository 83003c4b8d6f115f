import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Tickets } from '../../src/worker/horses/tickets.js';

/** Takes what it can get until it has found nothing for a while, and prints how many that were. */
const TAKER = `
const { readSync } = require('node:fs');
let taken = 0;
for (let last = Date.now(); Date.now() - last < 300;) if (readSync(4, Buffer.alloc(1), 0, 1, null) === 1) { taken += 1; last = Date.now(); }
console.log(taken);
`;

function open(): Tickets {
  const tickets = Tickets.open();
  if (!tickets) throw new Error('no folder for tickets');
  return tickets;
}

describe('tickets', () => {
  it('are taken back as far as they are left', () => {
    const tickets = open();
    expect(tickets.takeBack(5)).toBe(0);
    tickets.issue(3);
    expect(tickets.takeBack(2)).toBe(2);
    tickets.issue(4);
    expect(tickets.takeBack(9)).toBe(5);
    expect(tickets.takeBack(9)).toBe(0);
    tickets.close();
  });

  it('have one owner each, however two processes race for them', async () => {
    const tickets = open();
    const taker = spawn(process.execPath, ['-e', TAKER], {
      stdio: ['ignore', 'pipe', 'inherit', 'ignore', tickets.fd],
    });
    let printed = '';
    taker.stdout?.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
    tickets.issue(1);
    while (tickets.takeBack(1) === 1) {
      // Until the other one has begun.
      tickets.issue(1);
      await sleep(1);
    }
    let issued = 1;
    let back = 0;
    for (let i = 0; i < 20_000; i += 1) {
      tickets.issue(3);
      issued += 3;
      back += tickets.takeBack(3);
      if (i % 1_000 === 0) await sleep(1);
    }
    await once(taker, 'close');
    expect(Number(printed)).toBeGreaterThan(1);
    expect(Number(printed) + back).toBe(issued);
    tickets.close();
  });
});
