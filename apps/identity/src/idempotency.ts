/** The same creation again, as an Idempotency-Key asks for it: what is the same, and what is refused. */
import { reject, type Rejection } from '@hybrid/decider';

export function secondsAfter(time: string, seconds: number): string {
  return new Date(Date.parse(time) + seconds * 1_000).toISOString();
}

export function idempotencyKeyReused(): Rejection {
  return reject(
    'idempotency_key_reused',
    'something else was made with this Idempotency-Key: use a new one for each thing',
  );
}
