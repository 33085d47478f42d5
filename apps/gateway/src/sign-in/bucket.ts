/** A NATS key-value bucket that all gateways share: small JSON values which go by themselves after a while. */
import { problem } from '@hybrid/contracts';
import { jetstream, jetstreamManager, JetStreamApiError } from '@nats-io/jetstream';
import { Kvm, type KV } from '@nats-io/kv';
import { millis, nanos, type NatsConnection } from '@nats-io/transport-node';

/** What JetStream answers where the key is not at the revision that was asked for. */
const WRONG_REVISION = 10_071;
const DUPLICATE_WINDOW_MS = 120_000;

interface Options {
  name: string;
  /** Of every key, since it was last written. */
  ttlSeconds: number;
  /** Beyond it nothing new is taken. */
  maxBytes: number;
}

export interface Kept<T> {
  value: T;
  revision: number;
}

export class Bucket {
  private constructor(private readonly kv: KV) {}

  /** Makes the bucket where it is missing, and gives it this time to live where it has another. */
  static async open(nats: NatsConnection, { name, ttlSeconds, maxBytes }: Options): Promise<Bucket> {
    const ttl = ttlSeconds * 1000;
    // Any replica may answer a direct get, also one that has not heard of a deletion: a session must end at once.
    const options = { history: 1, ttl, max_bytes: maxBytes, allow_direct: false };
    const kv = await new Kvm(jetstream(nats)).create(name, options);
    const { streamInfo } = await kv.status();
    if (millis(streamInfo.config.max_age) !== ttl)
      await (
        await jetstreamManager(nats)
      ).streams.update(streamInfo.config.name, {
        max_age: nanos(ttl),
        duplicate_window: nanos(Math.min(ttl, DUPLICATE_WINDOW_MS)),
      });
    return new Bucket(kv);
  }

  async get<T>(key: string): Promise<Kept<T> | null> {
    const entry = await available(this.kv.get(key));
    return entry?.operation === 'PUT' ? { value: entry.json<T>(), revision: entry.revision } : null;
  }

  /** False where the key is there already. */
  create(key: string, value: unknown): Promise<boolean> {
    return unlessChanged(this.kv.create(key, JSON.stringify(value)));
  }

  /** False where somebody has written or removed it since `revision`. */
  replace(key: string, value: unknown, revision: number): Promise<boolean> {
    return unlessChanged(this.kv.update(key, JSON.stringify(value), revision));
  }

  /** False where somebody has written or removed it since `revision`; without one always true. */
  remove(key: string, revision?: number): Promise<boolean> {
    return unlessChanged(this.kv.delete(key, revision === undefined ? {} : { previousSeq: revision }));
  }

  /** The keys that fit a filter such as `user.1.*`: the server looks at no others. */
  async keys(filter: string): Promise<string[]> {
    const found: string[] = [];
    for await (const key of await available(this.kv.keys(filter))) found.push(key);
    return found;
  }
}

async function unlessChanged(write: Promise<unknown>): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === WRONG_REVISION) return false;
    throw unavailable(error);
  }
}

function available<T>(read: Promise<T>): Promise<T> {
  return read.catch((error: unknown) => {
    throw unavailable(error);
  });
}

function unavailable(cause: unknown): Error {
  const refusal = problem(
    'unavailable',
    'sessions_unavailable',
    'sessions cannot be looked up at the moment; try again',
  );
  refusal.cause = cause;
  return refusal;
}
