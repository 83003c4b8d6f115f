import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TsrqError } from '../../errors.js';

export interface MetricsServer {
  /** `127.0.0.1:9300`, with the port that the system chose for 0. */
  readonly address: string;
  close(): void;
}

/**
 * Serves `GET /metrics` on `HOST:PORT`. USAGE for an address that cannot be listened on. An answer that fails is a 500, and nothing
 * that a client does reaches the worker.
 */
export async function serveMetrics(where: string, render: () => Promise<string>): Promise<MetricsServer> {
  const match = /^(?:\[([\da-f:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/i.exec(where);
  if (!match)
    throw new TsrqError('USAGE', `--metrics: HOST:PORT is needed, not '${where}'`, { hint: 'as 127.0.0.1:9300' });
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, response) => {
    const path = request.url?.split('?')[0];
    if (path !== '/metrics' || (request.method !== 'GET' && request.method !== 'HEAD')) {
      response.writeHead(path === '/metrics' ? 405 : 404, { 'content-type': 'text/plain' }).end('GET /metrics\n');
      return;
    }
    render().then(
      (text) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  server.maxConnections = 32;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(match[3]), match[1] ?? match[2], resolve);
  }).catch((error: unknown) => {
    throw new TsrqError('USAGE', `--metrics: cannot listen on ${where}: ${(error as Error).message}`, {
      hint: 'is the port free, and the address one of this machine?',
      cause: error,
    });
  });
  // What happens to a listening socket later costs measures, not jobs.
  server.on('error', () => undefined);
  server.unref();
  const { address, port, family } = server.address() as AddressInfo;
  return {
    address: family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
