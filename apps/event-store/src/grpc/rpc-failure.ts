/** How failures leave over gRPC: a status and, where the client looks for one, an `exception` trailer. */
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { AccessDeniedError, NotAuthenticatedError } from '../access/access-errors.js';
import { BadFilterError } from '../store/event-filter.js';
import {
  DamagedRecordError,
  StoreClosedError,
  StreamDeletedError,
  WriteFailedError,
} from '../store/store-errors.js';

/** EventStoreDB's default cap of one append: 1 MiB. */
export const MAX_APPEND_BYTES = 1024 * 1024;

/** The request is not one that the store can obey; the message says what to change. */
export class BadRequestError extends Error {
  override readonly name = 'BadRequestError';
}

/** The events of one append are larger than MAX_APPEND_BYTES together. */
export class AppendTooLargeError extends Error {
  override readonly name = 'AppendTooLargeError';
  constructor() {
    super(`An append may hold ${MAX_APPEND_BYTES} bytes; split it.`);
  }
}

/** An event lacks a property that EventStoreDB requires. */
export class MissingPropertyError extends Error {
  override readonly name = 'MissingPropertyError';
  constructor(readonly property: string) {
    super(`Required metadata property '${property}' is missing.`);
  }
}

/** The error to end a call with; what an operator should know of is also written to stderr. */
export function toServiceError(error: unknown): ServiceError {
  logFailure(error);
  const code = statusOf(error);
  if (error instanceof StreamDeletedError)
    return failure(code, error, { exception: 'stream-deleted', 'stream-name': error.stream });
  if (error instanceof AccessDeniedError || error instanceof NotAuthenticatedError)
    return failure(code, error, { exception: 'access-denied' });
  if (error instanceof AppendTooLargeError)
    return failure(code, error, {
      exception: 'maximum-append-size-exceeded',
      'maximum-append-size': String(MAX_APPEND_BYTES),
    });
  if (error instanceof MissingPropertyError)
    return failure(code, error, {
      exception: 'missing-required-metadata-property',
      'required-metadata-properties': error.property,
    });
  return failure(code, error instanceof Error ? error : new Error(String(error)), {});
}

/** For Delete and Tombstone, which have no place for it in their answers. -1 stands for no stream, -2 any, -4 exists. */
export function wrongVersionError(stream: string, expected: bigint, current: number): ServiceError {
  const actual: Record<string, string> = current < 0 ? {} : { 'actual-version': String(current) };
  return failure(
    status.FAILED_PRECONDITION,
    new Error(
      `Append failed due to WrongExpectedVersion. Stream: ${stream}, Expected version: ${expected}, Actual version: ${current}`,
    ),
    {
      exception: 'wrong-expected-version',
      'stream-name': stream,
      'expected-version': String(expected),
      ...actual,
    },
  );
}

/** The gRPC status that fits an error of the store. */
export function statusOf(error: unknown): status {
  if (isDamage(error)) return status.DATA_LOSS;
  if (error instanceof WriteFailedError) return status.RESOURCE_EXHAUSTED;
  if (error instanceof StoreClosedError) return status.UNAVAILABLE;
  if (error instanceof StreamDeletedError) return status.FAILED_PRECONDITION;
  if (error instanceof AccessDeniedError) return status.PERMISSION_DENIED;
  if (error instanceof NotAuthenticatedError) return status.UNAUTHENTICATED;
  const badRequests = [BadRequestError, BadFilterError, AppendTooLargeError, MissingPropertyError];
  if (badRequests.some((kind) => error instanceof kind)) return status.INVALID_ARGUMENT;
  return status.INTERNAL;
}

/** A record that does not fit its checksum, or a page of LMDB's trees that it refuses to read itself. */
function isDamage(error: unknown): error is Error {
  if (error instanceof DamagedRecordError) return true;
  return error instanceof Error && /^MDB_(BAD_TXN|CORRUPTED|INVALID|PAGE_NOTFOUND)\b/.test(error.message);
}

let firstDamage: Error | undefined;

/** The first damage that a call of this process met, or a check, for the health check. */
export function damageFound(): Error | undefined {
  return firstDamage;
}

/** Takes note of damage that a check found, and writes it to stderr. */
export function noteDamage(damage: Error): void {
  firstDamage ??= damage;
  process.stderr.write(`event-store: ${damage.message}\n`);
}

/** Writes damage and faults of our own to stderr; the store itself reports failed writes. */
export function logFailure(error: unknown): void {
  const code = statusOf(error);
  if (isDamage(error)) firstDamage ??= error;
  if (code === status.DATA_LOSS) process.stderr.write(`event-store: ${String(error)}\n`);
  if (code === status.INTERNAL)
    process.stderr.write(
      `event-store: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
}

function failure(code: status, error: Error, trailers: Record<string, string>): ServiceError {
  const metadata = new Metadata();
  // Trailers are ASCII; other characters of a stream's name leave percent-encoded.
  for (const [key, value] of Object.entries(trailers))
    metadata.set(key, /^[ -~]*$/.test(value) ? value : encodeURI(value));
  return Object.assign(new Error(error.message, { cause: error }), {
    name: error.name,
    code,
    details: error.message,
    metadata,
  });
}
