/**
 * A real S3 server on loopback (s3rver), with one bucket. It does not know how to list the parts of an upload: that is
 * added here, from the files that it keeps.
 */
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface S3Server {
  port: number;
  bucket: string;
  /** `s3://bucket/<prefix>?endpoint=…`, by way of another port where one is told. */
  url(prefix?: string, port?: number): string;
  /** What programs need to be let in. */
  env: { AWS_ACCESS_KEY_ID: string; AWS_SECRET_ACCESS_KEY: string };
  /** Requests since the start, as `PUT /bucket/key?partNumber=1…`. */
  requests: string[];
  /** Folder with the bucket's files. */
  directory: string;
  close(): Promise<void>;
}

interface Context {
  method: string;
  path: string;
  url: string;
  query: Record<string, string | undefined>;
  type: string;
  body: unknown;
}

interface S3rver {
  middleware: ((context: Context, next: () => Promise<void>) => Promise<void>)[];
  run(): Promise<AddressInfo>;
  close(): Promise<void>;
  httpServer: Server;
}

const BUCKET = 'artifacts';

export async function startS3(): Promise<S3Server> {
  const directory = await mkdtemp(join(tmpdir(), 'hybrid-s3-'));
  const S3rver = createRequire(import.meta.url)('s3rver') as new (options: object) => S3rver;
  const server = new S3rver({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    directory,
    configureBuckets: [{ name: BUCKET, configs: [] }],
  });
  const requests: string[] = [];
  const uploads = join(directory, BUCKET, '._S3rver_uploads');
  server.middleware.unshift(async (context, next) => {
    requests.push(`${context.method} ${context.url}`);
    const { query } = context;
    const answer =
      context.method !== 'GET'
        ? undefined
        : 'uploads' in query
          ? await listUploads(uploads, query['prefix'] ?? '')
          : query['uploadId'] && (await listParts(join(uploads, query['uploadId'])));
    if (!answer) return next();
    context.type = 'application/xml';
    context.body = `<?xml version="1.0" encoding="UTF-8"?>\n${answer}`;
  });
  const { port } = await server.run();
  return {
    port,
    bucket: BUCKET,
    url: (prefix = '', by = port) =>
      `s3://${BUCKET}${prefix && `/${prefix}`}?endpoint=http://127.0.0.1:${by}&region=us-east-1`,
    env: { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' },
    requests,
    directory,
    close: async () => {
      server.httpServer.closeAllConnections();
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function listUploads(uploads: string, prefix: string): Promise<string> {
  const found: string[] = [];
  for (const id of await readdir(uploads).catch(() => [])) {
    const key = await readFile(join(uploads, id, 'key'), 'utf8');
    const { mtime } = await stat(join(uploads, id, 'key'));
    if (key.startsWith(prefix))
      found.push(
        `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>${mtime.toISOString()}</Initiated></Upload>`,
      );
  }
  return `<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>${found.join('')}</ListMultipartUploadsResult>`;
}

async function listParts(upload: string): Promise<string> {
  const found: string[] = [];
  for (const name of await readdir(upload)) {
    // A part that was broken off has no digest yet.
    if (!name.endsWith('.md5')) continue;
    const md5 = await readFile(join(upload, name), 'utf8');
    found.push(`<Part><PartNumber>${name.slice(0, -4)}</PartNumber><ETag>&quot;${md5}&quot;</ETag></Part>`);
  }
  return `<ListPartsResult><IsTruncated>false</IsTruncated>${found.join('')}</ListPartsResult>`;
}
