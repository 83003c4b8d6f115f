import type { Durability } from '../redis/redis.js';

/** What `--durable` asks for: one replica, and a second of patience. */
export const DURABLE: Durability = { replicas: 1, timeoutMs: 1_000 };
