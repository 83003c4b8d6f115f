import { isIP } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { TlsSettings } from './target.js';

/** Connects with TLS. The server is told the host's name: there may be several behind one address. */
export const connectSecurely = (host: string, port: number, settings: TlsSettings): TLSSocket =>
  connect({ host, port, ...(isIP(host) ? {} : { servername: host }), ...tlsOptions(settings) });

/** The settings as Node has them. */
export function tlsOptions({ checkHostname, ...settings }: TlsSettings): ConnectionOptions {
  return { ...settings, ...(checkHostname === false ? { checkServerIdentity: () => undefined } : {}) };
}
