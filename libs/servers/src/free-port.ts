import { createServer } from 'node:net';

/** Ports that this process was given already: the system may offer one twice before anything listens on it. */
const given = new Set<number>();

/** A TCP port of 127.0.0.1 that nothing listens on; never the same twice within a process. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await portOfferedBySystem();
    if (!given.has(port)) {
      given.add(port);
      return port;
    }
  }
}

function portOfferedBySystem(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address && typeof address === 'object') resolve(address.port);
        else reject(new Error('the system gave a listening socket no port'));
      });
    });
  });
}
