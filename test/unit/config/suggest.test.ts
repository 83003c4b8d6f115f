import { describe, expect, it } from 'vitest';
import { nearest } from '../../../src/config/suggest.js';

describe('nearest', () => {
  it.each([
    ['concurency', ['concurrency', 'connectTimeout'], 'concurrency'],
    ['SENTINAL', ['sentinel', 'queues'], 'sentinel'],
    ['prt', ['path', 'port'], 'port'],
    ['defaultTimout', ['defaultTimeout', 'connectTimeout'], 'defaultTimeout'],
    ['zzzzzz', ['host', 'port'], null],
    ['', [], null],
  ])('of %j among %j is %j', (word, candidates, expected) => {
    expect(nearest(word, candidates)).toBe(expected);
  });
});
