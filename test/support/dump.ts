import { inflateSync } from 'node:zlib';
import type { Redis as IoRedis } from 'ioredis';

/**
 * Every key of a database in a form that two runs of the same operations share: moments, random ids, texts of errors and
 * addresses are replaced by words, scores become distances from now, TTLs are rounded.
 */
export async function canonicalDump(client: IoRedis): Promise<Record<string, unknown>> {
  const now = Number(((await client.time()) as (string | number)[])[0]);
  const dump: Record<string, unknown> = {};
  for (const key of (await client.keys('*')).sort()) {
    const type = await client.type(key);
    const ttl = await client.ttl(key);
    dump[canonicalKey(key)] = {
      ttl: ttl < 0 ? null : wholeMinutes(ttl),
      value: await read(client, key, type, now),
    };
  }
  return dump;
}

/** Up to the next minute: the seconds that pass while a test runs must not count. */
const wholeMinutes = (seconds: number): number => Math.ceil(seconds / 60) * 60;

const EXECUTION = /\b[0-9a-f]{32}\b/g;
const canonicalKey = (key: string): string => key.replace(EXECUTION, '<execution>');

async function read(client: IoRedis, key: string, type: string, now: number): Promise<unknown> {
  switch (type) {
    case 'hash':
      return fields(await client.hgetallBuffer(key));
    case 'list':
      return client.lrange(key, '0', '-1');
    case 'set':
      return (await client.smembers(key)).map((member) => member.replace(EXECUTION, '<execution>')).sort();
    case 'zset': {
      const items = await client.zrange(key, '0', '-1', 'WITHSCORES');
      const scores: Record<string, unknown> = {};
      for (let i = 0; i < items.length; i += 2)
        scores[(items[i] ?? '').replace(EXECUTION, '<execution>')] = score(items[i + 1] ?? '', now);
      return scores;
    }
    case 'stream': {
      const entries = (await client.callBuffer('XRANGE', key, '-', '+')) as [Buffer, Buffer[]][];
      return entries.map(([, list]) => {
        const entry: Record<string, Buffer> = {};
        for (let i = 0; i + 1 < list.length; i += 2) entry[(list[i] ?? '').toString()] = list[i + 1] as Buffer;
        return fields(entry);
      });
    }
    default:
      return (await client.get(key))?.replace(/^\d+(\.\d+)?$/, '<number>');
  }
}

function score(text: string, now: number): unknown {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 1e9) return text;
  return `now+${wholeMinutes(value - now)}`;
}

function fields(hash: Record<string, Buffer>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(hash)
      // A worker's own, which docs/compatibility.md names.
      .filter(([field]) => field !== 'tsrq_concurrency' && field !== 'tsrq_quiet')
      .map(([field, value]): [string, unknown] => [field, canonical(field, value)])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function canonical(field: string, value: Buffer): unknown {
  if (field === 'data') return inflateSync(value).toString();
  if (field === 'return_value') return Buffer.from(value.toString(), 'base64').toString();
  if (field === 'exc_string')
    return inflateSync(Buffer.from(value.toString(), 'base64')).length > 0 ? '<error text>' : '';
  if (field.startsWith('retry_error_')) return '<error of an attempt>';
  if (field === 'exc_info') return value.length > 0 ? '<legacy error>' : '';
  const text = value.toString();
  if (/^\d{4}-\d\d-\d\dT[\d:]+\.\d{6}Z$/.test(text)) return '<date>';
  if (/^\d{9,}\.\d+$/.test(text)) return '<moment>';
  if (
    [
      'pid',
      'hostname',
      'ip_address',
      'version',
      'python_version',
      'total_working_time',
      'current_job_working_time',
    ].includes(field)
  ) {
    return `<${field}>`;
  }
  return text.replace(EXECUTION, '<execution>');
}
