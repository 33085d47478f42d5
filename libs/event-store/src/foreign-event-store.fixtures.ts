/** An event store that is not ours, for specs: passes EventStoreDB's own calls on to ours, and has no others. */
import {
  credentials,
  makeClientConstructor,
  Server,
  ServerCredentials,
  type Client,
  type ClientDuplexStream,
  type handleBidiStreamingCall,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { promisify } from 'node:util';

const CALLS = {
  read: '/event_store.client.streams.Streams/Read',
  append: '/event_store.client.streams.Streams/Append',
  batchAppend: '/event_store.client.streams.Streams/BatchAppend',
  features: '/event_store.client.server_features.ServerFeatures/GetSupportedMethods',
};

const raw = (bytes: Buffer) => bytes;
/** On the wire every call is a stream of messages each way. */
const methods = Object.fromEntries(
  Object.entries(CALLS).map(([name, path]): [string, MethodDefinition<Buffer, Buffer>] => [
    name,
    {
      path,
      requestStream: true,
      responseStream: true,
      requestSerialize: raw,
      requestDeserialize: raw,
      responseSerialize: raw,
      responseDeserialize: raw,
    },
  ]),
);
const Passed = makeClientConstructor(methods, 'Passed');

export interface ForeignEventStore {
  url: string;
  stop(): void;
}

/** @param port of ours, on loopback. */
export async function startForeignEventStore(port: number): Promise<ForeignEventStore> {
  const client = new Passed(`127.0.0.1:${port}`, credentials.createInsecure()) as Client &
    Record<string, () => ClientDuplexStream<Buffer, Buffer>>;
  const server = new Server();
  const pass =
    (name: string): handleBidiStreamingCall<Buffer, Buffer> =>
    (near) => {
      const far = client[name]!();
      near.on('data', (message: Buffer) => far.write(message));
      near.on('end', () => far.end());
      near.on('cancelled', () => far.cancel());
      far.on('data', (message: Buffer) => near.write(message));
      far.on('end', () => near.end());
      far.on('error', (error: ServiceError) => near.emit('error', error));
    };
  server.addService(methods, Object.fromEntries(Object.keys(CALLS).map((name) => [name, pass(name)])));
  const listening = await promisify(server.bindAsync.bind(server))(
    '127.0.0.1:0',
    ServerCredentials.createInsecure(),
  );
  return {
    url: `esdb://127.0.0.1:${listening}?tls=false`,
    stop() {
      server.forceShutdown();
      client.close();
    },
  };
}
