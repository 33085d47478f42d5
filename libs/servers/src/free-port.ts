import { createServer } from 'node:net';

/**
 * Below the ports that systems give out by themselves (Linux from 32768, others from 49152): whatever connects or listens
 * on any port meanwhile gets another, also while the server that was given this one is started, or away for a while.
 */
const FIRST = 12_000;
const COUNT = 20_000;
/** Each process begins elsewhere, so that those that look at the same moment find different ports. */
const BLOCK = 200;
let next = process.pid * BLOCK;

/** A TCP port of 127.0.0.1 that nothing listens on; never the same twice within a process. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < COUNT; tries++) {
    const port = FIRST + (next++ % COUNT);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port of 127.0.0.1 from ${FIRST} to ${FIRST + COUNT - 1} is free`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
