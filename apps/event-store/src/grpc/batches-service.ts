/** hybrid.eventstore.Batches: what ours can do beyond EventStoreDB. Messages are bytes; the files of layouts describe them. */
import type { ServiceDefinition } from '@grpc/grpc-js';

const raw = (bytes: Buffer) => bytes;
const bytes = {
  responseStream: true,
  requestSerialize: raw,
  requestDeserialize: raw,
  responseSerialize: raw,
  responseDeserialize: raw,
} as const;

export const batchesService = {
  read: { ...bytes, path: '/hybrid.eventstore.Batches/Read', requestStream: false },
  append: { ...bytes, path: '/hybrid.eventstore.Batches/Append', requestStream: true },
} satisfies ServiceDefinition;
