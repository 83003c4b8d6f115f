import type { RedisTarget, TlsSettings } from './target.js';

/** What a client of ioredis keeps of how it was made, as far as it tells where it leads; null and absent mean the same. */
export interface ClientPlace {
  readonly host?: string | null | undefined;
  readonly port?: number | null | undefined;
  readonly path?: string | null | undefined;
  readonly db?: number | null | undefined;
  readonly username?: string | null | undefined;
  readonly password?: string | null | undefined;
  readonly tls?: TlsSettings | boolean | null | undefined;
  readonly name?: string | null | undefined;
  readonly sentinels?:
    readonly { readonly host?: string | undefined; readonly port?: number | undefined }[] | null | undefined;
  readonly sentinelUsername?: string | null | undefined;
  readonly sentinelPassword?: string | null | undefined;
  readonly sentinelTLS?: TlsSettings | boolean | null | undefined;
  readonly enableTLSForSentinelMode?: boolean | null | undefined;
}

/** Where a client of the application's own leads, by its options: for a connection of tsrq's beside it. */
export function targetOfClient(options: ClientPlace): RedisTarget {
  const { path, host, port, sentinels, tls } = options;
  const login = { db: options.db ?? 0, ...texts({ username: options.username, password: options.password }) };
  if (sentinels && sentinels.length > 0) {
    const { sentinelUsername, sentinelPassword, sentinelTLS, enableTLSForSentinelMode } = options;
    return {
      kind: 'sentinel',
      ...login,
      instances: sentinels.map((one) => ({ host: one.host ?? 'localhost', port: one.port ?? 26_379 })),
      masterName: options.name ?? '',
      ...texts({ sentinelUsername, sentinelPassword }),
      ...(sentinelTLS ? { sentinelTls: tlsOf(sentinelTLS) } : {}),
      ...(enableTLSForSentinelMode === true && tls ? { tls: tlsOf(tls) } : {}),
    };
  }
  if (path) return { kind: 'socket', ...login, path };
  const address = { host: host ?? 'localhost', port: port ?? 6_379 };
  return { kind: 'tcp', ...login, ...address, ...(tls ? { tls: tlsOf(tls) } : {}) };
}

const TLS = ['ca', 'cert', 'key', 'servername', 'rejectUnauthorized'] as const;

/** Of TLS what a target can say. */
function tlsOf(tls: TlsSettings | true): TlsSettings {
  if (tls === true) return {};
  return Object.fromEntries(TLS.flatMap((name) => (tls[name] === undefined ? [] : [[name, tls[name]]])));
}

/** Those that are given. */
const texts = <Name extends string>(given: Record<Name, string | null | undefined>): Partial<Record<Name, string>> =>
  Object.fromEntries(
    Object.entries<string | null | undefined>(given).filter(([, text]) => text != null && text !== ''),
  ) as Partial<Record<Name, string>>;
