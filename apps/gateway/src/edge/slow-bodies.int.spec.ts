import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fastify, type FastifyInstance } from 'fastify';
import type { AddressInfo } from 'node:net';
import { connect, type Socket } from 'node:net';
import { limitSlowBodies } from './slow-bodies.js';

const JSON_HEAD = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n';

describe('a request whose body', () => {
  let server: FastifyInstance;
  let answer: () => Promise<unknown>;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    server = fastify();
    limitSlowBodies(server, { bodyMs: 300, lookMs: 50 });
    server.addContentTypeParser('application/octet-stream', (_, body, done) => done(null, body));
    server.post('/', () => answer());
    await server.listen({ host: '127.0.0.1', port: 0 });
    answer = async () => ({ ok: true });
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await server.close();
  });

  const open = () => {
    const socket = connect((server.server.address() as AddressInfo).port, '127.0.0.1');
    sockets.push(socket);
    const heard = { text: '', closed: false };
    socket.setEncoding('utf8').on('data', (more: string) => (heard.text += more));
    socket.on('error', () => undefined).on('close', () => (heard.closed = true));
    return { socket, heard };
  };
  const closing = (socket: Socket) => new Promise((closed) => socket.once('close', closed));

  it('trickles in is ended', async () => {
    const { socket, heard } = open();
    socket.write(`${JSON_HEAD}{"a"`);
    const trickle = setInterval(() => void socket.write(' '), 200);
    await closing(socket);
    clearInterval(trickle);
    expect(heard.text).not.toContain('200 OK');
  });

  it('is there may wait for its answer as long as that takes, and so may one that is streamed', async () => {
    let tell: (value: unknown) => void = () => undefined;
    answer = () => new Promise((resolve) => (tell = resolve));
    const { socket, heard } = open();
    socket.write(`${JSON_HEAD}{"a":123}`);
    const streamed = open();
    streamed.socket.write(JSON_HEAD.replace('json', 'octet-stream'));
    // One that is too slow tells that the time was up.
    const slow = open();
    slow.socket.write(`${JSON_HEAD}{`);
    await closing(slow.socket);
    expect({ long: heard.closed, streamed: streamed.heard.closed }).toEqual({ long: false, streamed: false });
    tell({ ok: true });
    socket.end();
  });
});
