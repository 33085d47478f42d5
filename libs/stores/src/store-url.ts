/** Where objects are kept, as one URL says it: `file:///srv/artifacts`, or `s3://bucket/prefix?region=…&endpoint=…`. */
import { fileURLToPath } from 'node:url';

export interface DirectoryPlace {
  kind: 'directory';
  /** Absolute. */
  path: string;
}

export interface S3Place {
  kind: 's3';
  bucket: string;
  /** Without slashes at its ends; may be empty. */
  prefix: string;
  region?: string;
  endpoint?: string;
  /** `endpoint/bucket/key` in place of `bucket.endpoint/key`; so where there is an endpoint, unless told. */
  pathStyle: boolean;
  sse?: 'AES256' | 'aws:kms';
  kmsKey?: string;
}

export type StorePlace = DirectoryPlace | S3Place;

/** Says what is wrong and how to mend it. */
export class StoreUrlError extends Error {
  override readonly name = 'StoreUrlError';
}

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const PREFIX = /^[A-Za-z0-9_][A-Za-z0-9._=+@-]*(\/[A-Za-z0-9_][A-Za-z0-9._=+@-]*)*$/;
const OPTIONS = ['region', 'endpoint', 'path-style', 'sse', 'kms-key'];

/** Throws StoreUrlError. */
export function readStoreUrl(given: string): StorePlace {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  // The text may hold a credential: it is not repeated.
  if (url && (url.username || url.password))
    throw new StoreUrlError(
      'it must hold no credentials: those are found where AWS tools find them (AWS_ACCESS_KEY_ID, a profile, the role of the machine)',
    );
  if (url?.protocol === 'file:') return directory(url);
  if (url?.protocol === 's3:') return bucket(url);
  throw new StoreUrlError('it must be like file:///srv/artifacts or s3://bucket/prefix?region=eu-central-1');
}

/** Back to what a person would write, without options: part of references. */
export function locationOf(place: StorePlace): string {
  if (place.kind === 'directory') return `file://${place.path}`;
  return `s3://${place.bucket}${place.prefix && `/${place.prefix}`}`;
}

function directory(url: URL): DirectoryPlace {
  if (url.host) throw new StoreUrlError(`file:// takes an absolute path: file:///${url.host}${url.pathname}`);
  if (url.search || url.hash)
    throw new StoreUrlError('a directory has no options: leave out what follows the path');
  const path = localPath(url).replace(/\/+$/, '');
  if (path === '') throw new StoreUrlError('the root directory cannot be a store: name a folder of its own');
  return { kind: 'directory', path };
}

function localPath(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch {
    throw new StoreUrlError('it cannot be read as a path: a % in it is written %25');
  }
}

function bucket(url: URL): S3Place {
  const prefix = url.pathname.replace(/^\/+|\/+$/g, '');
  if (!BUCKET.test(url.host))
    throw new StoreUrlError(`s3:// takes the name of a bucket, and ${JSON.stringify(url.host)} is none`);
  if (prefix !== '' && !PREFIX.test(prefix))
    throw new StoreUrlError(
      'the prefix after the bucket must be names of letters, digits and . _ - = + @ with / between',
    );
  if (url.hash) throw new StoreUrlError('it must hold no fragment (#…)');
  const options = readOptions(url.searchParams);
  const { region, endpoint, sse } = options;
  if (endpoint !== undefined && !isPlainHttpUrl(endpoint))
    throw new StoreUrlError(
      'endpoint must be like https://minio.example.com:9000, without user, path or query',
    );
  if (sse !== undefined && sse !== 'AES256' && sse !== 'aws:kms')
    throw new StoreUrlError('sse must be AES256 or aws:kms');
  if (options['kms-key'] !== undefined && sse !== 'aws:kms')
    throw new StoreUrlError('kms-key goes with sse=aws:kms');
  const style = options['path-style'] ?? String(endpoint !== undefined);
  if (style !== 'true' && style !== 'false') throw new StoreUrlError('path-style must be true or false');
  return {
    kind: 's3',
    bucket: url.host,
    prefix,
    region,
    endpoint: endpoint?.replace(/\/$/, ''),
    pathStyle: style === 'true',
    sse,
    kmsKey: options['kms-key'],
  };
}

function readOptions(given: URLSearchParams): Record<string, string | undefined> {
  const options: Record<string, string> = {};
  for (const [name, value] of given) {
    if (!OPTIONS.includes(name))
      throw new StoreUrlError(`it knows no option ${JSON.stringify(name)}: there are ${OPTIONS.join(', ')}`);
    if (value === '' || Object.hasOwn(options, name))
      throw new StoreUrlError(`the option ${name} must be given once, with a value`);
    options[name] = value;
  }
  return options;
}

function isPlainHttpUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) return false;
  return !url.username && !url.password && url.pathname === '/' && !url.search && !url.hash;
}
