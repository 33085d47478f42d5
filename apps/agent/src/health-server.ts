/** GET /health/live, /health/ready and /metrics on the health address: for the machine's own supervisor and scraper. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SettingsError, type HealthAddress } from './settings.js';

export interface AgentHealth {
  /** It is registered, and the gateway has accepted a heartbeat within the last three intervals. */
  ready: boolean;
  /** Why it takes no new jobs; empty while it does. */
  held: string[];
  /** Jobs at a time. */
  capacity: number;
  running: number;
  /** Results that the gateway has accepted. */
  completed: number;
  /** Results of an earlier life of the agent that are still to be sent. */
  undelivered: number;
  spool_bytes: number;
}

/** Listens; answers the address. Throws SettingsError where that cannot be. */
export async function serveHealth(
  { host, port }: HealthAddress,
  read: () => AgentHealth,
): Promise<{ url: string; close(): void }> {
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const { status, type, body } = answer(request.method ?? '', path, read);
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
    response.end(body);
  });
  // Nothing here takes long: who is slow is not served.
  server.requestTimeout = server.headersTimeout = 5_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new SettingsError(
          `the health address ${host}:${port} cannot be used (${cause.message}): name another with --health-address`,
          { cause },
        ),
      ),
    );
    server.listen(port, host, resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function answer(
  method: string,
  path: string,
  read: () => AgentHealth,
): { status: number; type: string; body: string } {
  const json = (status: number, value: object): ReturnType<typeof answer> => ({
    status,
    type: 'application/json',
    body: JSON.stringify(value),
  });
  if (method !== 'GET' && method !== 'HEAD') return json(405, { code: 'method_not_allowed' });
  if (path === '/health/live') return json(200, { status: 'alive' });
  if (path === '/metrics')
    return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: metrics(read()) };
  if (path !== '/health/ready') return json(404, { code: 'not_found' });
  const { ready, ...rest } = read();
  return json(ready ? 200 : 503, { status: ready ? 'ready' : 'not_ready', ...rest });
}

function metrics(health: AgentHealth): string {
  const rows: [name: string, type: 'gauge' | 'counter', help: string, value: number][] = [
    ['ready', 'gauge', 'Registered and heard by the gateway', Number(health.ready)],
    ['held', 'gauge', 'Takes no new jobs', Number(health.held.length > 0)],
    ['capacity', 'gauge', 'Jobs at a time', health.capacity],
    ['jobs_running', 'gauge', 'Jobs that take a place', health.running],
    ['results_accepted_total', 'counter', 'Results that the gateway has accepted', health.completed],
    ['results_undelivered', 'gauge', 'Results kept from an earlier start', health.undelivered],
    ['spool_bytes', 'gauge', 'Log bytes that the gateway has not accepted', health.spool_bytes],
  ];
  return rows
    .map(
      ([name, type, help, value]) =>
        `# HELP hybrid_agent_${name} ${help}.\n# TYPE hybrid_agent_${name} ${type}\nhybrid_agent_${name} ${value}\n`,
    )
    .join('');
}
