import { deflateSync, inflateSync } from 'node:zlib';
import { dumps, loads } from './json.js';
export interface Payload { readonly functionName: string; readonly args: unknown[]; readonly kwargs: Record<string, unknown>; readonly serializer: 'json' }
export class PayloadError extends Error { override readonly name = 'PayloadError'; }
export const deflateText = (text: string): Buffer => deflateSync(Buffer.from(text));
export const inflateText = (data: Buffer): string => inflateSync(data).toString();
export function encodePayload(p: { functionName: string; args: unknown[]; kwargs: Record<string, unknown> }, _serializer: 'json'): Buffer {
  return deflateSync(Buffer.from(dumps([p.functionName, null, p.args, p.kwargs])));
}
export function decodePayload(data: Buffer): Payload {
  let raw = data;
  try { raw = inflateSync(data); } catch { /* raw */ }
  let v: unknown;
  try { v = loads(raw.toString()); } catch { throw new PayloadError('not a payload'); }
  if (!Array.isArray(v) || v.length !== 4) throw new PayloadError('not a payload');
  return { functionName: v[0] as string, args: v[2] as unknown[], kwargs: v[3] as Record<string, unknown>, serializer: 'json' };
}
