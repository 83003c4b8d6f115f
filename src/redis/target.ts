import type { ConnectionOptions } from 'node:tls';

/** Where a Redis is and how to log in: plain data, parsed once. */
export type RedisTarget = TcpTarget | SocketTarget | SentinelTarget;

export type TlsSettings = Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized'>;

interface Login {
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
}
export interface TcpTarget extends Login {
  readonly kind: 'tcp';
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsSettings;
}
export interface SocketTarget extends Login {
  readonly kind: 'socket';
  readonly path: string;
}
export interface SentinelTarget extends Login {
  readonly kind: 'sentinel';
  readonly instances: readonly { readonly host: string; readonly port: number }[];
  readonly masterName: string;
  readonly tls?: TlsSettings;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
  readonly sentinelTls?: TlsSettings;
  /** Deadline of one command on the master, seconds (RQ's SOCKET_TIMEOUT). */
  readonly socketTimeoutSeconds?: number;
}

export function describeTarget(target: RedisTarget): string {
  if (target.kind === 'tcp') return `redis://${target.host}:${target.port}/${target.db}`;
  return target.kind;
}
