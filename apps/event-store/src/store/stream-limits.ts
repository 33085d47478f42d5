/** The part of a stream's metadata that hides events: $maxCount, $maxAge, $tb, and the soft delete, which is a $tb. */
import type { StreamState } from './stream-state.js';

/** EventStoreDB writes a soft delete as the truncation before the largest int64. */
const SOFT_DELETE = 9223372036854775807n;
export const SOFT_DELETE_METADATA = Buffer.from(`{"$tb":${SOFT_DELETE}}`);

export interface StreamLimits {
  maxCount?: number;
  /** Seconds. */
  maxAge?: number;
  truncateBefore?: number;
  softDeleted?: true;
}

/** The name of the stream that holds the metadata of `stream`. */
export function metastreamOf(stream: string): string {
  return `$$${stream}`;
}

/** The stream whose metadata `stream` holds, or nothing if it is no metadata stream. */
export function originalOf(stream: string): string | undefined {
  return stream.startsWith('$$') ? stream.slice(2) : undefined;
}

/** Reads the limits from the data of a `$metadata` event; what is not understood limits nothing. */
export function parseLimits(data: Uint8Array): StreamLimits {
  const metadata = parseObject(data);
  const limits: StreamLimits = {};
  const positive = (key: string) => {
    const value = metadata[key];
    return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined;
  };
  limits.maxCount = positive('$maxCount');
  limits.maxAge = positive('$maxAge');
  const truncateBefore = positive('$tb');
  if (truncateBefore === Number(SOFT_DELETE)) limits.softDeleted = true;
  else limits.truncateBefore = truncateBefore;
  return limits;
}

/** The same metadata, but with everything before `revision` hidden instead of a soft delete. */
export function withTruncateBefore(data: Uint8Array, revision: number): Buffer {
  return Buffer.from(JSON.stringify({ ...parseObject(data), $tb: revision }));
}

/** The first revision that may be shown; one past the last when none may. Age is judged event by event. */
export function firstVisible(stream: string, state: StreamState): number {
  const limits = limitsOf(stream, state);
  if (limits.softDeleted) return state.last + 1;
  const byCount = limits.maxCount === undefined ? 0 : state.last - limits.maxCount + 1;
  return Math.min(Math.max(0, byCount, limits.truncateBefore ?? 0), state.last + 1);
}

/** Creation ticks below which events of the stream are too old to be shown at `nowTicks`. */
export function oldestVisible(stream: string, state: StreamState, nowTicks: bigint): bigint {
  const { maxAge } = limitsOf(stream, state);
  return maxAge === undefined ? 0n : nowTicks - BigInt(maxAge) * 10_000_000n;
}

function limitsOf(stream: string, state: StreamState): StreamLimits {
  if (originalOf(stream) !== undefined) return { maxCount: 1 };
  return state.limits ?? {};
}

function parseObject(data: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(data).toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : {};
  } catch {
    return {};
  }
}
