import { describe, expect, it } from 'vitest';
import { Pulse } from '../../../src/worker/pulse.js';

/** A loop that does what it is told to when it is prodded. */
function loop(onProd: (signs: { turns: number; settledCalls: number; isWaiting: boolean }) => void) {
  const signs = { turns: 0, settledCalls: 0, isWaiting: false };
  return {
    get signs() {
      return { ...signs };
    },
    prod: () => {
      onProd(signs);
    },
  };
}

describe('the pulse of a loop', () => {
  it('is there when it turns at every prod', () => {
    const pulse = new Pulse(loop((signs) => (signs.turns += 1)));
    expect([pulse.look(), pulse.look(), pulse.look()]).toEqual([true, true, true]);
  });

  it('is not there when it has not turned since the last look, and is back when it turns again', () => {
    let stuck = true;
    const pulse = new Pulse(loop((signs) => (signs.turns += stuck ? 0 : 1)));
    expect([pulse.look(), pulse.look()]).toEqual([true, false]);
    stuck = false;
    expect([pulse.look(), pulse.look()]).toEqual([false, true]);
  });

  it('is not there when it turns, and one and the same call stays without an answer', () => {
    const pulse = new Pulse(
      loop((signs) => {
        signs.turns += 1;
        signs.isWaiting = true;
      }),
    );
    expect([pulse.look(), pulse.look(), pulse.look()]).toEqual([true, true, false]);
  });

  it('is there when there is always a call under way, and always another', () => {
    const pulse = new Pulse(
      loop((signs) => {
        signs.turns += 1;
        signs.settledCalls += 1;
        signs.isWaiting = true;
      }),
    );
    expect([pulse.look(), pulse.look(), pulse.look()]).toEqual([true, true, true]);
  });
});
