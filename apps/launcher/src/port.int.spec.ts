import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { freePort } from '@hybrid/servers';
import { claimPort } from './port.js';

describe('the port', () => {
  let server: Server | undefined;
  afterEach(() => new Promise<void>((closed) => (server ? server.close(() => closed()) : closed())));

  it('is the wanted one while it is free, and any free one for 0', async () => {
    const port = await freePort();
    expect(await claimPort(port)).toBe(port);
    expect(await claimPort(0)).toBeGreaterThan(1023);
  });

  it('is refused with who has it and what to set', async () => {
    const port = await freePort();
    await new Promise<void>((resolve) => {
      server = createServer().listen(port, '127.0.0.1', resolve);
    });
    const who = process.platform === 'linux' ? ` by .+ \\(process ${process.pid}\\)` : '';
    await expect(claimPort(port)).rejects.toThrow(new RegExp(`port ${port} is in use${who}: .*HYBRID_PORT`));
  });
});
