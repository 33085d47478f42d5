/** A TCP line to a server on this machine that a spec can silence or cut. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface BrokenLine {
  port: number;
  /** From now on the server's answers are lost, while what it is sent still arrives. */
  mute(): void;
  /** From now on nothing arrives on either side, and neither is told. */
  freeze(): void;
  /** Ends every connection; new ones work again. */
  cut(): void;
  close(): Promise<void>;
}

export async function breakableLine(to: number): Promise<BrokenLine> {
  const open = new Set<Socket>();
  let muted = false;
  let frozen = false;
  const server = createServer((near) => {
    const far = connect(to, '127.0.0.1');
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        open.delete(socket);
        if (frozen) return;
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', (bytes) => {
      if (!frozen) far.write(bytes);
    });
    far.on('data', (bytes) => {
      if (!muted && !frozen) near.write(bytes);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const cut = () => {
    muted = false;
    frozen = false;
    for (const socket of open) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    mute: () => void (muted = true),
    freeze: () => void (frozen = true),
    cut,
    close: () => {
      cut();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}
