import { codeOf, isNetwork, type Trouble } from '../sdk-calls.js';

/** Of HTTP APIs of Azure: a RestError, or what @azure/identity throws where it finds no identity. */
export function azureTrouble(error: unknown): Trouble {
  const {
    name,
    code,
    statusCode: status,
    details,
  } = error as Record<string, unknown> & {
    statusCode?: number;
    details?: { errorCode?: unknown; error?: { code?: unknown } };
  };
  const told = codeOf(code, details?.errorCode, details?.error?.code, status, name);
  if (
    name === 'CredentialUnavailableError' ||
    name === 'AuthenticationRequiredError' ||
    name === 'AuthenticationError'
  )
    return { problem: 'queue_denied', code: told, unknownCaller: true };
  if (status === undefined || isNetwork(code)) return { problem: 'queue_unavailable', code: told };
  if (status === 401 || told === 'AuthenticationFailed')
    return { problem: 'queue_denied', code: told, unknownCaller: true };
  if (status === 403) return { problem: 'queue_denied', code: told };
  if (status === 404 || status === 410) return { problem: 'queue_missing', code: told };
  const passing = status >= 500 || status === 408 || status === 429;
  return { problem: passing ? 'queue_unavailable' : 'queue_misconfigured', code: told };
}
