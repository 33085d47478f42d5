/** A server that greets as NATS or Redis does, and whose answer to anything else is longer than any should be. */
import type { AddressInfo, Server, Socket } from 'node:net';

const MB = 1024 ** 2;
const TEXT = 'x'.repeat(MB);
/** A spec that fails fills no machine. */
const COMES = 512 * MB;

const KINDS = {
  /** Messages that belong to nothing, one after the other. */
  nats: {
    greeting: 'INFO {"server_id":"flood","version":"2.10.0","proto":1,"max_payload":1048576}\r\n',
    begins: '',
    goesOn: Buffer.from(`MSG _INBOX.x 1 ${MB}\r\n${TEXT}\r\n`),
  },
  /** One text, of which it said that it is so long. */
  redis: { greeting: '', begins: `$${2 * COMES}\r\n`, goesOn: Buffer.from(TEXT) },
};

export interface Flood {
  /** To be called with each connection. */
  greet(socket: Socket): void;
  /** As if it had been asked for something. */
  start(): void;
  open: Set<Socket>;
}

export function floodOf(kind: keyof typeof KINDS): Flood {
  const { greeting, begins, goesOn } = KINDS[kind];
  const open = new Set<Socket>();
  const pour = (socket: Socket): void => {
    while (!socket.destroyed && socket.bytesWritten < COMES && socket.write(goesOn));
    socket.once('drain', () => pour(socket));
  };
  const begin = (socket: Socket): void => {
    socket.removeAllListeners('data').resume().write(begins);
    pour(socket);
  };
  return {
    open,
    start: () => open.forEach(begin),
    greet(socket) {
      open.add(socket);
      socket.on('close', () => open.delete(socket)).on('error', () => undefined);
      socket.write(greeting);
      socket.on('data', (data) => {
        // What a client of NATS greets with is answered; that of Redis asks for nothing before its first command.
        if (kind === 'nats' && !data.toString().includes('PUB ')) socket.write('PONG\r\n');
        else begin(socket);
      });
    },
  };
}

export async function listening(server: Server): Promise<number> {
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return (server.address() as AddressInfo).port;
}
