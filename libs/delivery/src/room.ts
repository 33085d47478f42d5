/** How much of what may cross fits into one message. */
import { DELIVERY_MAX_BYTES, type DeliveryMetadata } from '@hybrid/contracts';

/** Of the JSON around the metadata and the JWS around that: fields at their longest take 1,500. */
const AROUND = 2_000;

/** Of the metadata in JSON. A JWS writes three bytes in four characters. */
export const METADATA_MAX_BYTES = Math.floor((DELIVERY_MAX_BYTES * 3) / 4) - AROUND;

/** The metadata with as many of its paths as fit; `paths_complete` is false where some do not. */
export function withPathsThatFit(metadata: DeliveryMetadata): DeliveryMetadata {
  const { paths } = metadata;
  if (!paths || bytesOf(metadata) <= METADATA_MAX_BYTES) return metadata;
  let room = METADATA_MAX_BYTES - bytesOf({ ...metadata, paths: [], paths_complete: false });
  const first = paths.findIndex((path) => (room -= bytesOf(path) + 1) < 0);
  return { ...metadata, paths: first < 0 ? paths : paths.slice(0, first), paths_complete: false };
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
