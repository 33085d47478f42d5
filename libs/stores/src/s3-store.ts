/** Objects in a bucket of any server that speaks S3. Credentials are found by the SDK's own chain. */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { Readable } from 'node:stream';
import { checkKey, type ObjectStore, type Range, type Source, type StoredObject } from './object-store.js';
import { isMissing, s3Problem } from './s3-problem.js';
import { uploadToS3 } from './s3-upload.js';
import { locationOf, type S3Place } from './store-url.js';

/** Milliseconds without a byte. */
const IDLE_MS = 60_000;

export class S3Store implements ObjectStore {
  readonly location: string;
  readonly #client: S3Client;

  constructor(private readonly place: S3Place) {
    this.location = locationOf(place);
    this.#client = new S3Client({
      region: place.region ?? (place.endpoint ? 'us-east-1' : undefined),
      endpoint: place.endpoint,
      forcePathStyle: place.pathStyle,
      maxAttempts: 4,
      requestHandler: { connectionTimeout: 10_000, requestTimeout: IDLE_MS },
      // Checksums of today's SDK are unknown to many servers: parts carry their MD5, and we check SHA-256 ourselves.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
  }

  async put(key: string, source: Source, signal?: AbortSignal): Promise<void> {
    await this.#told(`store ${key}`, signal, () =>
      uploadToS3(this.#client, this.place, this.#at(key).Key, source, signal),
    );
  }

  async get(key: string, { offset = 0, length }: Range = {}, signal?: AbortSignal): Promise<Readable> {
    if (length === 0) return Readable.from([]);
    const range = `bytes=${offset}-${length === undefined ? '' : offset + length - 1}`;
    return this.#told(`fetch ${key}`, signal, async () => {
      const wanted = { ...this.#at(key), ...((offset > 0 || length !== undefined) && { Range: range }) };
      try {
        const { Body } = await this.#client.send(new GetObjectCommand(wanted), { abortSignal: signal });
        return Body as Readable;
      } catch (error) {
        // At or past the end there are no bytes, says our interface.
        if ((error as Error).name === 'InvalidRange') return Readable.from([]);
        throw error;
      }
    });
  }

  async head(key: string): Promise<StoredObject | undefined> {
    return this.#told(`look at ${key}`, undefined, async () => {
      try {
        const found = await this.#client.send(new HeadObjectCommand(this.#at(key)));
        return { key, size: found.ContentLength ?? 0, modified: found.LastModified ?? new Date(0) };
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  async *list(prefix: string): AsyncGenerator<StoredObject> {
    const cut = this.#key('').length;
    for (let token: string | undefined, more = true; more;) {
      const page = await this.#told('list what is there', undefined, () =>
        this.#client.send(
          new ListObjectsV2Command({
            Bucket: this.place.bucket,
            Prefix: this.#key(prefix),
            ContinuationToken: token,
          }),
        ),
      );
      for (const { Key = '', Size = 0, LastModified = new Date(0) } of page.Contents ?? [])
        yield { key: Key.slice(cut), size: Size, modified: LastModified };
      token = page.NextContinuationToken;
      more = page.IsTruncated === true && token !== undefined;
    }
  }

  async delete(key: string): Promise<void> {
    await this.#told(`delete ${key}`, undefined, () =>
      this.#client.send(new DeleteObjectCommand(this.#at(key))),
    );
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.place.bucket, Key: this.#key(checkKey(key)) };
  }

  #key(key: string): string {
    return this.place.prefix ? `${this.place.prefix}/${key}` : key;
  }

  async #told<T>(what: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    try {
      signal?.throwIfAborted();
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      throw s3Problem(this.location, what, error);
    }
  }
}
