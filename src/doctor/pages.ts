import { listOf } from '../info/answer.js';
import type { RedisCommand } from '../redis/redis.js';
import type { CheckId } from './finding.js';
import type { Answer, Inquiry } from './inquiry.js';

/** Something that is read page by page. */
export interface Pages {
  /** Null when there is no more. */
  next(): RedisCommand | null;
  /** The items of a page. */
  take(answer: Answer): string[];
}

/**
 * A list, from its tail: what workers take off the head meanwhile does not move the rest away from under the reader.
 * What is pushed meanwhile is read twice instead.
 */
export function listPages(key: string, size: number): Pages {
  let at = 0;
  let ended = false;
  return {
    next: () => (ended ? null : ['LRANGE', key, -(at + size), -(at + 1)]),
    take: (answer) => {
      const items = listOf(answer);
      at += size;
      ended = items.length < size;
      return items;
    },
  };
}

/** A set. */
export const setPages = (key: string, size: number): Pages => scan((cursor) => ['SSCAN', key, cursor, 'COUNT', size]);

/** The members of a sorted set. */
export const sortedSetPages = (key: string, size: number): Pages =>
  scan(
    (cursor) => ['ZSCAN', key, cursor, 'COUNT', size],
    (items) => items.filter((_, i) => i % 2 === 0),
  );

/** The keys of the database. */
export const keyPages = (pattern: string, size: number): Pages =>
  scan((cursor) => ['SCAN', cursor, 'MATCH', pattern, 'COUNT', size]);

function scan(command: (cursor: string) => RedisCommand, pick = (items: string[]): string[] => items): Pages {
  let cursor: string | null = '0';
  return {
    next: () => (cursor === null ? null : command(cursor)),
    take: (answer) => {
      const [next, items] = Array.isArray(answer) ? answer : [];
      cursor = typeof next === 'string' && next !== '0' ? next : null;
      return pick(listOf(items));
    },
  };
}

/** Reads them side by side, so many at once: a round trip is a page of each. */
export async function readPages<P extends Pages>(
  inquiry: Inquiry,
  all: readonly P[],
  how: { readonly atOnce: number; readonly checks: readonly CheckId[] },
  visit: (pages: P, items: string[]) => Promise<void> | void,
): Promise<void> {
  for (let from = 0; from < all.length; from += how.atOnce) {
    let open = all.slice(from, from + how.atOnce).map((pages) => ({ pages, command: pages.next() }));
    while (open.length > 0) {
      const asked = open.flatMap(({ pages, command }) => (command === null ? [] : [{ pages, command }]));
      const answers = await inquiry.ask(asked.map(({ command }) => ({ command, checks: how.checks })));
      for (const [i, { pages }] of asked.entries()) await visit(pages, pages.take(answers[i] ?? null));
      open = asked.map(({ pages }) => ({ pages, command: pages.next() })).filter(({ command }) => command !== null);
    }
  }
}
