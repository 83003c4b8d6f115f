import { describe, expect, it } from 'vitest';
import { Crew, type Member } from '../../../src/worker/crew.js';

type Facts = Partial<Pick<Member, 'running' | 'coming' | 'wants' | 'rest'>>;

interface Told {
  readonly member: Member;
  facts: Facts;
  readonly told: string[];
}

function member(facts: Facts = {}): Told {
  const told: string[] = [];
  const one: Told = {
    facts,
    told,
    member: {
      runs: [],
      isIdle: true,
      lastActivityMs: 0,
      get running() {
        return one.facts.running ?? 0;
      },
      get coming() {
        return one.facts.coming ?? 0;
      },
      get wants() {
        return one.facts.wants ?? false;
      },
      get rest() {
        return one.facts.rest ?? null;
      },
      rouse: () => told.push('rouse'),
      askAgain: () => told.push('ask again'),
      stop: (reason) => told.push(`stop: ${reason}`),
      quiet: () => told.push('quiet'),
      unquiet: () => told.push('unquiet'),
      scale: (concurrency) => told.push(`scale: ${concurrency}`),
    },
  };
  return one;
}

function crewOf(concurrency: number, ...all: Told[]): Crew {
  const crew = new Crew(concurrency, all.length);
  for (const { member: one } of all) crew.enter(one);
  return crew;
}

describe('the slots of a crew', () => {
  it('all go to the one that asks while nobody else wants any', () => {
    const [a, b] = [member(), member()];
    expect(crewOf(5, a, b).roomFor(a.member)).toBe(5);
    b.facts = { running: 2 };
    expect(crewOf(5, a, b).roomFor(a.member)).toBe(3);
  });

  it('are halved where both want them, and go to the one with fewer jobs first', () => {
    const [a, b] = [member({ wants: true }), member({ wants: true })];
    const crew = crewOf(6, a, b);
    expect([a, b].map((one) => crew.roomFor(one.member))).toEqual([3, 3]);
    a.facts = { wants: true, running: 4 };
    expect([a, b].map((one) => crew.roomFor(one.member))).toEqual([0, 2]);
  });

  it('one that is left goes to whoever has begun a job longer ago', () => {
    const [a, b] = [member({ wants: true }), member({ wants: true })];
    const crew = crewOf(1, a, b);
    crew.hasBegun(a.member);
    expect([a, b].map((one) => crew.roomFor(one.member))).toEqual([0, 1]);
    crew.hasBegun(b.member);
    expect([a, b].map((one) => crew.roomFor(one.member))).toEqual([1, 0]);
  });

  it('that are asked for stay with the one that asked; never do more run than there are', () => {
    const [a, b] = [member({ coming: 2 }), member({ wants: true })];
    const crew = crewOf(2, a, b);
    expect([a, b].map((one) => crew.roomFor(one.member))).toEqual([2, 0]);
    // Claimed ahead, or brought late by a Redis that was away.
    a.facts = { coming: 20, running: 1 };
    expect(crew.roomFor(a.member)).toBe(1);
    b.facts = { running: 1 };
    expect(crew.roomFor(a.member)).toBe(0);
  });
});

describe('a crew', () => {
  it('rouses those that want a slot when another has one less in hand', () => {
    const [a, b, c] = [member({ wants: true }), member({ wants: true }), member()];
    crewOf(1, a, b, c).hasEnded(a.member);
    expect([a, b, c].map(({ told }) => told)).toEqual([[], ['rouse'], []]);
  });

  it('ends a burst when all rest, not before those have looked again that looked before the last job ended', () => {
    const [a, b] = [member(), member()];
    const crew = crewOf(1, a, b);
    const rest = (endedBefore: number) => ({ reason: 'burst' as const, because: 'empty', endedBefore });
    a.facts = { rest: rest(0) };
    crew.rested();
    crew.hasEnded(b.member);
    b.facts = { rest: rest(1) };
    crew.rested();
    expect([a.told, b.told]).toEqual([['ask again'], []]);
    a.facts = { rest: rest(1) };
    crew.rested();
    expect([a.told, b.told]).toEqual([['ask again', 'stop: burst'], ['stop: burst']]);
  });

  it('does not end a burst before all are there', () => {
    const only = member({ rest: { reason: 'burst', because: 'empty', endedBefore: 0 } });
    const crew = new Crew(1, 2);
    crew.enter(only.member);
    crew.rested();
    expect(only.told).toEqual([]);
  });

  it('tells one that comes late what the others were told', () => {
    const crew = crewOf(1, member());
    crew.scale(3);
    crew.quiet();
    crew.stop('shutdown', 'SIGTERM');
    const late = member();
    crew.enter(late.member);
    expect(late.told).toEqual(['scale: 3', 'quiet', 'stop: shutdown']);
  });
});
