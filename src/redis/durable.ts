import type { Durability } from './redis.js';

/** What `--durable N` asks for: a second of patience for so many replicas. */
export const durability = (replicas: number): Durability => ({ replicas, timeoutMs: 1_000 });
