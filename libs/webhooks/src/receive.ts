/** A webhook in, what may pass of it out. */
import type { Received, WebhookRequest } from './received.js';
import { readPayload } from './payload.js';
import { reduce } from './reduce.js';
import type { ToolConfig } from './tool-config.js';
import { verify } from './verify.js';

/**
 * Verifies the raw bytes, and only then looks into them. `secrets`: any of them may have signed it, so that one can be
 * replaced; without any nothing is accepted. `now`: milliseconds since 1970.
 */
export function receive(
  config: ToolConfig,
  request: WebhookRequest,
  secrets: readonly string[],
  now: number = Date.now(),
): Received {
  const refusal = verify(config, request, secrets, now);
  if (refusal) return { refusal };
  const payload = readPayload(request, config);
  if (payload.refusal) return { refusal: payload.refusal };
  return reduce(config, request.headers, payload.value);
}
