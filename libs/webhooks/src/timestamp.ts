/** Signed times of webhooks: what is too old may be a copy that somebody kept. */
import type { WebhookRefusal } from './received.js';

/** `header`: seconds since 1970, as digits. */
export function timestampRefusal(
  name: string,
  header: string | string[] | undefined,
  now: number,
  toleranceSeconds: number,
): WebhookRefusal | null {
  if (header === undefined) return { status: 401, code: 'unsigned', detail: `the header ${name} is missing` };
  if (typeof header !== 'string' || !/^\d{1,12}$/.test(header))
    return { status: 401, code: 'stale', detail: `the header ${name} is no number of seconds since 1970` };
  if (Math.abs(now / 1000 - Number(header)) > toleranceSeconds)
    return {
      status: 401,
      code: 'stale',
      detail: `the header ${name} is more than ${toleranceSeconds} s from this machine's clock`,
    };
  return null;
}
