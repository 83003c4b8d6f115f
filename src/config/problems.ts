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
const URL_ALONE = /^\s*[a-z][a-z0-9+.-]*:\/\//i;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;

/** True for values that must never be shown. */
export const isSecret = (path: string): boolean => SECRET.test(path);

/** A value as it may be shown in a message. */
export function shown(path: string, value: unknown): string {
  if (isSecret(path)) return '******';
  const safe = withoutSecrets(value);
  const text = typeof safe === 'string' ? `'${withoutLogin(safe)}'` : (JSON.stringify(safe) ?? String(safe));
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** The login of an address that has lost its `redis://`. */
const withoutLogin = (text: string): string =>
  URL_ALONE.test(text) ? text : text.replace(/^([^\s:/@]*:).*@/s, '$1******@');

/** The value with everything secret in it hidden: passwords, those within URLs, private keys. */
export function withoutSecrets(value: unknown): unknown {
  const text = JSON.stringify(value, (key, inner: unknown) => {
    if (isSecret(key) && inner !== null) return '******';
    // Of a configuration that is a program.
    if (typeof inner === 'bigint') return String(inner);
    if (typeof inner !== 'string') return inner;
    // In a URL spaces and line ends are taken out by whoever reads it; left in, they would hide half a password from the mask.
    return PRIVATE_KEY.test(inner) ? '******' : maskUrls(URL_ALONE.test(inner) ? inner.replace(/\s/g, '') : inner);
  }) as string | undefined;
  return text === undefined ? value : (JSON.parse(text) as unknown);
}
