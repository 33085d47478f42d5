import { expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { exchange, readText } from './http-exchange.js';

it('closes the source of a body of which the server wants no more', async () => {
  const server = createServer((_, response) => {
    response.writeHead(409, { connection: 'close' }).end('no');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    // Never over: as much as a socket takes, and then nothing until somebody reads on.
    const body = new Readable({ read: () => undefined });
    body.push(Buffer.alloc(1024));
    const response = await exchange({
      method: 'PUT',
      url: new URL(`http://127.0.0.1:${port}/`),
      headers: { 'content-length': 10 * 1024 ** 2 },
      body,
      idleMs: 60_000,
    });
    expect(await readText(response, 1024)).toBe('no');
    await eventually(() => expect(body.destroyed).toBe(true));
  } finally {
    server.close();
    server.closeAllConnections();
  }
});
