/** One address in front of several gateways, as a load balancer is: a connection goes to the next one that listens. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface FrontDoor {
  port: number;
  close(): Promise<void>;
}

export async function frontDoor(ports: number[]): Promise<FrontDoor> {
  const open = new Set<Socket>();
  let turn = 0;
  const server = createServer((near) => {
    open.add(near);
    near.on('error', () => undefined);
    near.on('close', () => open.delete(near));
    turn = (turn + 1) % ports.length;
    const inTurn = [...ports.slice(turn), ...ports.slice(0, turn)];
    void firstOf(inTurn).then((far) => {
      if (!far || near.destroyed) {
        far?.destroy();
        near.destroy();
        return;
      }
      near.pipe(far).pipe(near);
      far.on('error', () => near.destroy());
      far.on('close', () => near.destroy());
      near.on('close', () => far.destroy());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function firstOf(ports: number[]): Promise<Socket | null> {
  for (const port of ports) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return socket;
    } catch {
      // This one is down at the moment.
    }
  }
  return null;
}
