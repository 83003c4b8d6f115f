import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { TsrqError } from '../errors.js';
import { loads } from '../protocol/json.js';

export interface CallArguments {
  readonly args: unknown[];
  readonly kwargs: Record<string, unknown>;
}

/**
 * RQ's argument language: `text`, `key=text`, `:json`, `key:=json`, and `@file` in place of a value.
 * Throws USAGE for what cannot be read.
 */
export function parseArguments(words: readonly string[], cwd: string): CallArguments {
  const args: unknown[] = [];
  const kwargs = new Map<string, unknown>();
  words.forEach((word, i) => {
    const { key, json, text } = split(word);
    const where = key === null ? `argument ${i + 1}` : `argument '${key}'`;
    const raw = text.startsWith('@') ? readText(text.slice(1), where, cwd) : text;
    const value = json ? parseJson(raw, where) : raw;
    if (key === null) args.push(value);
    else if (kwargs.has(key)) throw new TsrqError('USAGE', `${where} is given twice`);
    else kwargs.set(key, value);
  });
  return { args, kwargs: Object.fromEntries(kwargs) };
}

function split(word: string): { key: string | null; json: boolean; text: string } {
  if (word.startsWith(':')) return { key: null, json: true, text: word.slice(1) };
  if (word.startsWith('%')) throw literal(word);
  const at = word.indexOf('=');
  if (at <= 0) return { key: null, json: false, text: word };
  const key = word.slice(0, at);
  const text = word.slice(at + 1);
  if (key.endsWith('%')) throw literal(word);
  if (key.endsWith(':') && key.length > 1) return { key: key.slice(0, -1), json: true, text };
  return { key, json: false, text };
}

function readText(file: string, where: string, cwd: string): string {
  try {
    return readFileSync(resolve(cwd, file), 'utf8');
  } catch (error) {
    throw new TsrqError('USAGE', `${where}: the file '${file}' cannot be read: ${(error as Error).message}`);
  }
}

function parseJson(text: string, where: string): unknown {
  try {
    return loads(text);
  } catch (error) {
    const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
    throw new TsrqError('USAGE', `${where} is not JSON: '${shown}' (${(error as Error).message})`);
  }
}

function literal(word: string): TsrqError {
  return new TsrqError('USAGE', `'${word}': Python literals are not read`, {
    hint: 'write JSON, as :[1, 2] or key:=[1, 2]',
  });
}
