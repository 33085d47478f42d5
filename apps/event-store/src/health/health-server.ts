/**
 * GET /health/live over HTTP, for whatever restarts or alerts: 200 while the store can be read and written, 503 and the
 * reason from a failed write until one succeeds, and once damage was found, until the process is started again.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ListenError } from '../grpc/event-store-server.js';
import { damageFound } from '../grpc/rpc-failure.js';
import type { EventStore } from '../store/event-store.js';

export class HealthServer {
  private readonly server: Server;

  constructor(private readonly store: EventStore) {
    this.server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? '/', 'http://localhost');
      const json = (status: number, body: object) =>
        response
          .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
          .end(JSON.stringify(body));
      if (pathname !== '/health/live') return json(404, { status: 'unknown path', try: '/health/live' });
      if (request.method !== 'GET' && request.method !== 'HEAD') return json(405, { status: 'use GET' });
      const reason = this.complaint();
      return reason === undefined ? json(200, { status: 'live' }) : json(503, { status: 'failing', reason });
    });
  }

  /** Listens; port 0 takes any free one. Answers the port; rejects with ListenError. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', (cause) =>
        reject(new ListenError(`${host}:${port}`, 'EVENT_STORE_HEALTH_PORT', cause)),
      );
      this.server.listen(port, host, () => resolve((this.server.address() as AddressInfo).port));
    });
  }

  /** Ends at once, kept-alive connections too. */
  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private complaint(): string | undefined {
    try {
      // The first event: the newest ones are answered from memory.
      if (this.store.lastPosition > 0) this.store.eventAt(1);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    return (damageFound() ?? this.store.writeFailure)?.message;
  }
}
