import { TsrqError } from '../errors.js';
import { maskUrls } from '../redis/target.js';

/** Everything that is wrong with a configuration, collected before anything is said. */
export class Problems {
  readonly #lines: string[] = [];

  add(source: string, path: string, what: string): void {
    this.#lines.push(`${source}: ${path === '' ? '' : `${path}: `}${maskUrls(what)}`);
  }

  /** Runs `read`; a TsrqError becomes a problem. */
  attempt<T>(source: string, path: string, read: () => T): T | null {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof TsrqError)) throw error;
      this.add(source, path, error.message);
      return null;
    }
  }

  throwIfAny(): void {
    const count = this.#lines.length;
    if (count === 0) return;
    const head = count === 1 ? 'a problem in the configuration:' : `${count} problems in the configuration:`;
    throw new TsrqError('CONFIG', [head, ...this.#lines.map((line) => `  ${line}`)].join('\n'));
  }
}

const SECRET = /password$/i;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;

/** True for values that must never be shown. */
export const isSecret = (path: string): boolean => SECRET.test(path);

/** A value as it may be shown in a message. */
export function shown(path: string, value: unknown): string {
  if (isSecret(path)) return '******';
  const safe = withoutSecrets(value);
  const text = typeof safe === 'string' ? `'${safe}'` : (JSON.stringify(safe) ?? String(safe));
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** The value with everything secret in it hidden: passwords, those within URLs, private keys. */
export function withoutSecrets(value: unknown): unknown {
  const text = JSON.stringify(value, (key, inner: unknown) => {
    if (isSecret(key) && inner !== null) return '******';
    if (typeof inner !== 'string') return inner;
    return PRIVATE_KEY.test(inner) ? '******' : maskUrls(inner);
  }) as string | undefined;
  return text === undefined ? value : (JSON.parse(text) as unknown);
}
