import { appendFileSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { seeded, type Random } from './random.js';

/**
 * How long and by which seed: TSRQ_CHAOS_MINUTES (all scenarios together; without it a short run, part of `npm test`) and
 * TSRQ_CHAOS_SEED (without it a new one each time). `npm run chaos` sets them.
 */
const minutes = Number(process.env['TSRQ_CHAOS_MINUTES'] ?? '') || null;

export const SEED = Number(process.env['TSRQ_CHAOS_SEED'] ?? '') || Math.floor(Math.random() * 2 ** 31);

/** True when time is not to be shortened: leases are waited for, not declared over. */
export const LONG = minutes !== null;

/** Seconds for which a scenario makes faults: its share of the long run, or `short`. */
export const faultSeconds = (share: number, short: number): number => (minutes === null ? short : minutes * 60 * share);

/** The chance of one scenario: others do not change what it does. */
export const chanceOf = (scenario: string): Random =>
  seeded([...scenario].reduce((sum, letter) => Math.imul(sum, 31) + letter.charCodeAt(0), SEED));

const RESULTS = fileURLToPath(new URL('../../.cache/chaos', import.meta.url));

/** Says what a scenario came to, and keeps it as a line of JSON for who writes the long run up. */
export function keepResult(scenario: string, result: object): void {
  const line = JSON.stringify({ scenario, seed: SEED, minutes, date: new Date().toISOString(), ...result });
  mkdirSync(RESULTS, { recursive: true });
  appendFileSync(`${RESULTS}/results.jsonl`, `${line}\n`);
  console.log(`chaos: ${line}`);
}
