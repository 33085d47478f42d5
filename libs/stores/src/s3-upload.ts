/** Uploads to S3: small ones at once, others in parts, of which those that are there already are not sent again. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  paginateListParts,
  PutObjectCommand,
  UploadPartCommand,
  type CompletedPart,
  type S3Client,
} from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { StoreProblem, type Source } from './object-store.js';
import type { S3Place } from './store-url.js';

/** Bytes. S3 takes parts of 5 MiB and more, at most 10,000 of them. */
const PART_BYTES = 8 * 1024 ** 2;
const PARTS_MAX = 10_000;
/** Parts on their way at a time: with one being read, what an upload holds in memory. */
const AT_A_TIME = 3;

interface Part {
  number: number;
  bytes: Buffer;
}

/** Throws what the SDK throws, or StoreProblem `damaged`. */
export async function uploadToS3(
  client: S3Client,
  place: S3Place,
  key: string,
  source: Source,
  signal?: AbortSignal,
): Promise<void> {
  const partBytes = Math.max(PART_BYTES, Math.ceil(source.size / PARTS_MAX));
  const upload = () => new S3Upload(client, place, key, source, signal);
  if (source.size <= partBytes) return upload().whole();
  try {
    await upload().inParts(partBytes);
  } catch (error) {
    // Somebody else went on with the same upload and finished it, or a rule of the bucket removed it.
    if ((error as Error).name !== 'NoSuchUpload') throw error;
    await upload().inParts(partBytes);
  }
}

class S3Upload {
  readonly #at: { Bucket: string; Key: string };
  readonly #hash = createHash('sha256');
  #read = 0;

  constructor(
    private readonly client: S3Client,
    private readonly place: S3Place,
    key: string,
    private readonly source: Source,
    private readonly signal?: AbortSignal,
  ) {
    this.#at = { Bucket: place.bucket, Key: key };
  }

  async whole(): Promise<void> {
    const bytes: Buffer[] = [];
    for await (const part of this.#parts(PART_BYTES)) bytes.push(part.bytes);
    const Body = Buffer.concat(bytes);
    this.#check();
    await this.client.send(
      new PutObjectCommand({ ...this.#at, ...this.#kept(), Body, ContentMD5: md5(Body, 'base64') }),
      this.#options,
    );
  }

  /** Reads all bytes, also of parts that are there: what is published was hashed whole. */
  async inParts(partBytes: number): Promise<void> {
    const { uploadId, there } = (await this.#begun()) ?? {
      uploadId: await this.#begin(),
      there: new Map<number, string>(),
    };
    const at = { ...this.#at, UploadId: uploadId };
    const parts: CompletedPart[] = [];
    const sending = new Set<Promise<void>>();
    const send = async ({ number, bytes }: Part): Promise<void> => {
      const digest = md5(bytes, 'hex');
      let etag = there.get(number);
      if (etag?.replaceAll('"', '') !== digest) {
        const command = new UploadPartCommand({
          ...at,
          PartNumber: number,
          Body: bytes,
          ContentMD5: Buffer.from(digest, 'hex').toString('base64'),
        });
        etag = (await this.client.send(command, this.#options)).ETag;
      }
      parts.push({ PartNumber: number, ETag: etag });
    };
    try {
      for await (const part of this.#parts(partBytes)) {
        if (sending.size >= AT_A_TIME) await Promise.race(sending);
        const sent = send(part);
        sending.add(sent);
        sent.then(
          () => sending.delete(sent),
          () => undefined,
        );
      }
      await Promise.all(sending);
    } finally {
      await Promise.allSettled(sending);
    }
    try {
      this.#check();
    } catch (error) {
      // Nobody will go on with what is wrong.
      await this.client.send(new AbortMultipartUploadCommand(at)).catch(() => undefined);
      throw error;
    }
    parts.sort((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0));
    await this.client.send(
      new CompleteMultipartUploadCommand({ ...at, MultipartUpload: { Parts: parts } }),
      this.#options,
    );
  }

  async #begin(): Promise<string> {
    const command = new CreateMultipartUploadCommand({ ...this.#at, ...this.#kept() });
    return (await this.client.send(command, this.#options)).UploadId!;
  }

  /** The youngest upload to this key that was broken off. Credentials that may not look begin anew. */
  async #begun(): Promise<{ uploadId: string; there: Map<number, string> } | undefined> {
    try {
      // All uploads to this very key: never more than a page.
      const wanted = { Bucket: this.#at.Bucket, Prefix: this.#at.Key };
      const { Uploads = [] } = await this.client.send(new ListMultipartUploadsCommand(wanted), this.#options);
      const [found] = Uploads.filter(({ Key }) => Key === this.#at.Key).sort(
        (a, b) => (b.Initiated?.getTime() ?? 0) - (a.Initiated?.getTime() ?? 0),
      );
      if (!found?.UploadId) return undefined;
      const upload = { ...this.#at, UploadId: found.UploadId };
      const there = new Map<number, string>();
      for await (const page of paginateListParts({ client: this.client }, upload, this.#options))
        for (const { PartNumber, ETag } of page.Parts ?? []) there.set(PartNumber ?? 0, ETag ?? '');
      return { uploadId: found.UploadId, there };
    } catch (error) {
      this.signal?.throwIfAborted();
      const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
      if (status === undefined || status === 429 || (status >= 500 && status !== 501)) throw error;
      return undefined;
    }
  }

  async *#parts(partBytes: number): AsyncGenerator<Part> {
    let number = 1;
    let held: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of this.source.open(0)) {
      this.signal?.throwIfAborted();
      this.#hash.update(chunk);
      this.#read += chunk.length;
      for (let rest = chunk; rest.length > 0;) {
        const piece = rest.subarray(0, partBytes - size);
        held.push(piece);
        size += piece.length;
        rest = rest.subarray(piece.length);
        if (size < partBytes) continue;
        yield { number: number++, bytes: Buffer.concat(held) };
        held = [];
        size = 0;
      }
    }
    if (size > 0) yield { number, bytes: Buffer.concat(held) };
  }

  #check(): void {
    const sha256 = this.#hash.digest('hex');
    if (sha256 === this.source.sha256) return;
    throw new StoreProblem(
      'damaged',
      `the bytes for s3://${this.#at.Bucket}/${this.#at.Key} are not those that were announced: ` +
        `${this.#read} of ${this.source.size} bytes, SHA-256 ${sha256}; did they change meanwhile?`,
    );
  }

  #kept() {
    return {
      ...(this.place.sse && { ServerSideEncryption: this.place.sse }),
      ...(this.place.kmsKey && { SSEKMSKeyId: this.place.kmsKey }),
    };
  }

  get #options() {
    return { abortSignal: this.signal };
  }
}

function md5(bytes: Buffer, encoding: 'hex' | 'base64'): string {
  return createHash('md5').update(bytes).digest(encoding);
}
