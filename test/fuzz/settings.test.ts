import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { parseArguments } from '../../src/cli/arguments.js';
import { loadSettings } from '../../src/config/load.js';
import { RQ_SETTINGS } from '../../src/config/rq-settings.js';
import { knownKeys } from '../../src/config/schema.js';
import type { Settings } from '../../src/config/settings.js';
import { TsrqError } from '../../src/errors.js';
import { dumps } from '../../src/protocol/json-writer.js';
import { expectCleanPrototypes, fuzz, oddJson, parameters, thrown } from './fuzz.js';

const folder = mkdtempSync(join(tmpdir(), 'tsrq-test-fuzz-'));
mkdirSync(join(folder, 'empty'));
writeFileSync(join(folder, 'value.json'), '{"__proto__": [1, NaN]}');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SECRET = 'geheim';

// One word a line.
fuzz('arguments', (input) => checkArguments(input.toString().split('\n')));

// Each is a file of either kind.
fuzz(
  'config',
  async (input) => {
    await checkFile('json', input);
    await checkFile('yaml', input);
  },
  1 / 8,
);

describe('arguments', () => {
  const word = fc
    .tuple(
      fc.constantFrom('', 'a', 'key', '__proto__', 'constructor', '%', 'a%', ' '),
      fc.constantFrom('', '=', ':=', ':', '=@', ':=@', '@', ':@', '%=', '=='),
      fc.oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.json(), fc.constantFrom('value.json', 'no/such', '.')),
    )
    .map((parts) => parts.join(''));
  it('of any words are values or refused as wrong usage', () => {
    fc.assert(fc.property(fc.array(word, { maxLength: 4 }), checkArguments), parameters());
  });

  it('of any values come back as they were given', () => {
    const key = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
      .filter((text) => !/^[:%@]|[=]|[:%]$/.test(text));
    const named = fc.uniqueArray(fc.tuple(key, oddJson), { maxLength: 4, selector: ([name]) => name });
    fc.assert(
      fc.property(fc.array(oddJson, { maxLength: 4 }), named, (args, entries) => {
        const words = [
          ...args.map((value) => `:${dumps(value)}`),
          ...entries.map(([name, value]) => `${name}:=${dumps(value)}`),
        ];
        expect(parseArguments(words, folder)).toEqual({ args, kwargs: Object.fromEntries(entries) });
      }),
      parameters(),
    );
  });
});

describe('a configuration', () => {
  const SHARE = 1 / 4;
  const sections = {
    redis: [...knownKeys(['redis'])].filter((key) => key !== 'sentinel'),
    sentinel: knownKeys(['sentinel']),
    worker: knownKeys(['worker']),
    log: knownKeys(['log']),
    connections: ['main', 'other', '__proto__', 'constructor', 'default'],
    queueConnections: ['q', '__proto__', 'constructor', 'default'],
  };
  const names = Object.keys(sections) as (keyof typeof sections)[];
  const nearlyRight = fc.constantFrom<unknown>(
    ...[
      'redis://h',
      'redis://h/x',
      'json',
      'debug',
      'main',
      'q',
      'host:1',
      '512M',
      '0',
      '',
      null,
      true,
      0,
      1,
      -1,
      1.5,
      1e99,
    ],
    ...[[], [''], ['h:1'], {}, { ca: 'no/such' }, { url: 'redis://h' }, { sentinel: { instances: ['h'] } }],
  );
  const section = fc.constantFrom(...names).chain((name) => {
    const key = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...sections[name]) }, fc.string({ maxLength: 8 }));
    const entries = fc.array(fc.tuple(key, fc.oneof(nearlyRight, oddJson)), { maxLength: 4 });
    return fc.tuple(
      fc.constant<string>(name),
      fc.oneof({ weight: 9, arbitrary: entries.map(Object.fromEntries) }, oddJson),
    );
  });
  const top = fc.tuple(
    fc.constantFrom('queues', 'connection', '$schema', '__proto__', 'toString', 'Redis', '', ...RQ_SETTINGS),
    fc.oneof(nearlyRight, oddJson),
  );
  const document = fc
    .array(fc.oneof({ weight: 3, arbitrary: section }, top), { maxLength: 5 })
    .map((entries): unknown => Object.fromEntries(entries));

  it('of any document is settings or a list of its problems', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof({ weight: 9, arbitrary: document }, oddJson), fc.boolean(), async (value, isTyped) => {
        const said = await checkFile('json', JSON.stringify(value), isTyped ? { REDIS_PASSWORD: SECRET } : {});
        expect(said).not.toContain(SECRET);
      }),
      parameters(SHARE),
    );
  });

  it('with one wrong value names the key of the value', async () => {
    const paths = names.flatMap((name) =>
      /connections$/i.test(name) ? [] : sections[name].map((key) => `${name}.${key}`),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), async (path) => {
        const [name = '', key = ''] = path.split('.');
        // Sentinels are nowhere without an instance.
        const right = name === 'sentinel' ? { instances: ['h'] } : {};
        const message = await problemsOf({ [name]: { ...right, [key]: { no: [SECRET, { such: 'thing' }] } } });
        expect(message).toContain(path);
        if (/password$/i.test(key)) expect(message).not.toContain(SECRET);
      }),
      parameters(SHARE),
    );
  });

  it('with an unknown key names the key', async () => {
    const unknown = fc.stringMatching(/^[a-z_]{12,16}$/);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('redis', 'sentinel', 'worker', 'log', null), unknown, async (name, key) => {
        const right = name === 'sentinel' ? { instances: ['h'] } : {};
        const message = await problemsOf(name === null ? { [key]: 1 } : { [name]: { ...right, [key]: 1 } });
        expect(message).toContain(name === null ? key : `${name}.${key}`);
      }),
      parameters(SHARE),
    );
  });

  it('with an empty section keeps what is said elsewhere', async () => {
    const { settings } = await readFile('json', '{"REDIS_HOST": "h", "REDIS_PORT": 5, "redis": {}, "worker": {}}');
    expect(settings?.target).toMatchObject({ host: 'h', port: 5 });
    expect(settings?.worker.concurrency).toBe(1);
  });

  it('shows no secret in its problems, nor in its entries, whatever else is wrong', async () => {
    const odd = fc.string({ unit: fc.constantFrom(...'/?#:%[]&=+ "\'\\@x', '\n', '-----BEGIN'), maxLength: 4 });
    const secret = odd.map((text) => `${text}${SECRET}${text}`);
    const wrong = fc.constantFrom(
      (text: string): unknown => text,
      ...[(text: string) => [text], (text: string) => ({ a: text })],
    );
    const password = fc.tuple(secret, wrong).map(([text, form]) => form(text));
    const url = secret.map((text) => `redis://u:${text}@h/0`);
    const query = secret.map((text) => `redis://h/0?password=${text.replace(/[&#]/g, '@')}`);
    const place = fc.oneof(
      password.map((value): object => ({ redis: { password: value } })),
      url.map((value): object => ({ redis: { url: value } })),
      query.map((value) => ({ redis: { url: value } })),
      query.map((value) => ({ connections: { main: value } })),
      password.map((value) => ({ sentinel: { instances: ['h'], password: value } })),
      password.map((value) => ({ sentinel: { instances: ['h'], sentinelPassword: value } })),
      password.map((value) => ({ connections: { main: { password: value } } })),
      password.map((value) => ({
        connections: { main: { sentinel: { instances: ['h'], sentinelPassword: value } } },
      })),
      password.map((value) => ({ connections: [{ password: value }] })),
      url.map((value) => ({ connections: { main: value } })),
      url.map((value) => ({ connections: { main: { url: value } } })),
      url.map((value) => ({ queueConnections: { q: value } })),
      url.map((value) => ({ connection: value })),
      url.map((value) => ({ connection: value.replace('redis://', '') })),
      url.map((value) => ({ queueConnections: { q: value.replace('redis://', '') } })),
      url.map((value) => ({ sentinel: { instances: [value.replace('redis://', '')] } })),
      url.map((value) => ({ REDIS_URL: value })),
      password.map((value) => ({ REDIS_PASSWORD: value })),
      password.map((value) => ({ SENTINEL: { PASSWORD: value } })),
      password.map((value) => ({
        SENTINEL: { CONNECTION_KWARGS: { password: value }, SENTINEL_KWARGS: { password: value } },
      })),
    );
    await fc.assert(
      fc.asyncProperty(place, document, async (secrets, value) => {
        const said = await checkFile('json', JSON.stringify({ ...(value as object), ...secrets }));
        // The document around it holds no such word.
        expect(said).not.toContain(SECRET);
      }),
      parameters(SHARE),
    );
  });

  it('of any environment is settings or a list of its problems, without its secrets', async () => {
    const variable = fc.constantFrom(
      ...RQ_SETTINGS,
      ...['TSRQ_CONCURRENCY', 'TSRQ_BURST', 'TSRQ_QUEUES', 'TSRQ_MAX_MEMORY', 'TSRQ_CONNECTION', 'TSRQ_LOGGING_LEVEL'],
    );
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 12 }),
      fc.constantFrom('0', '-1', '1e9', 'true', 'redis://:geheim@h/x'),
    );
    const variables = fc.array(fc.tuple(variable, text), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(variables, fc.boolean(), async (entries, isTyped) => {
        const env = {
          ...Object.fromEntries(entries),
          ...(isTyped ? { REDIS_PASSWORD: SECRET, REDIS_PORT: 'x' } : {}),
        };
        const { settings, message } = await load({}, env);
        expect(message).not.toContain(SECRET);
        if (settings) expect(JSON.stringify(settings.entries())).not.toContain(SECRET);
      }),
      parameters(SHARE),
    );
  });
});

function checkArguments(words: readonly string[]): void {
  let call = null as ReturnType<typeof parseArguments> | null;
  const refused = thrown(() => (call = parseArguments(words, folder)), TsrqError);
  if (refused) expect(refused.code).toBe('USAGE');
  if (call) {
    expect(call.args.length + Object.keys(call.kwargs).length).toBe(words.length);
    expect(Object.getPrototypeOf(call.kwargs)).toBe(Object.prototype);
    const plain = words.filter((word) => !/^[:%@]|=/.test(word));
    for (const word of plain) expect(call.args).toContain(word);
    dumps([call.args, call.kwargs]);
  }
  expectCleanPrototypes();
}

interface Loaded {
  readonly settings: Settings | null;
  readonly message: string;
}

async function load(flags: { config?: string }, env: Env): Promise<Loaded> {
  const empty = join(folder, 'empty');
  try {
    const settings = await loadSettings({ flags, env: { XDG_CONFIG_HOME: empty, ...env }, cwd: empty });
    return { settings, message: '' };
  } catch (error) {
    if (!(error instanceof TsrqError)) throw error;
    expect(error.code).toBe('CONFIG');
    return { settings: null, message: `${error.message} ${error.hint ?? ''}` };
  } finally {
    expectCleanPrototypes();
  }
}

type Env = Record<string, string>;

function readFile(ending: 'json' | 'yaml', content: string | Buffer, env: Env = {}): Promise<Loaded> {
  const path = join(folder, `tsrq.${ending}`);
  writeFileSync(path, content);
  return load({ config: path }, env);
}

async function checkFile(ending: 'json' | 'yaml', content: string | Buffer, env: Env = {}): Promise<string> {
  const { settings, message } = await readFile(ending, content, env);
  if (!settings) {
    expect(message).toMatch(/tsrq\.(json|yaml)|environment/);
    return message;
  }
  expect(settings.queues.length).toBeGreaterThan(0);
  expect(settings.worker.concurrency).toSatisfy(Number.isSafeInteger);
  for (const queue of [...settings.queues, 'constructor', '__proto__'])
    expect(settings.targetOf(queue)).toHaveProperty('kind');
  expect(settings.usedConnections().length).toBeGreaterThan(0);
  return JSON.stringify(settings.entries());
}

async function problemsOf(value: unknown): Promise<string> {
  const { settings, message } = await readFile('json', JSON.stringify(value));
  expect(settings).toBeNull();
  return message;
}
