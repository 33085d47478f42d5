import { expect, it } from '@jest/globals';
import Docker from 'dockerode';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sweepEngine } from './docker-labels.js';

it('sweeps past a container that the engine cannot remove', async () => {
  const Labels = { 'hybrid.agent': 'me' };
  const lists: Record<string, unknown> = {
    '/containers/json': ['stuck', 'idle'].map((Id) => ({ Id, Labels })),
    '/volumes': { Volumes: [] },
    '/networks': [],
  };
  const removed: string[] = [];
  const server = createServer(({ method, url = '' }, response) => {
    const path = url.split('?')[0]!;
    if (method === 'DELETE') removed.push(path);
    const busy = method === 'DELETE' && path.endsWith('stuck');
    response.writeHead(busy ? 500 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(busy ? { message: 'device or resource busy' } : (lists[path] ?? {})));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const engine = new Docker({ host: '127.0.0.1', port, protocol: 'http' });
    expect(await sweepEngine(engine, 'me')).toBe(1);
  } finally {
    server.close();
    server.closeAllConnections();
  }
  expect(removed).toEqual(['/containers/stuck', '/containers/idle']);
});
