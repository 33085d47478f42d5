/** One exchange with Vault. Node's own client, as fetch cannot be told an authority for one server alone. */
import { request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';
import { readFile } from 'node:fs/promises';
import { SecretProblem } from '../secret-problem.js';
import type { VaultSettings } from './vault-settings.js';

/** Bytes: above what Vault stores under one path. */
const ANSWER_MAX = 2 * 1024 * 1024;

export interface VaultAnswer {
  status: number;
  body: {
    data?: Record<string, unknown> | null;
    auth?: { client_token?: string; lease_duration?: number } | null;
    errors?: string[] | null;
    warnings?: string[] | null;
  };
}

interface VaultRequest {
  method: 'GET' | 'POST';
  /** Below /v1, encoded. */
  path: string;
  token?: string;
  json?: unknown;
}

/** Throws SecretProblem where there is no answer. */
export async function vaultRequest(
  settings: Pick<VaultSettings, 'address' | 'namespace' | 'caFile'>,
  request: VaultRequest,
  signal: AbortSignal,
): Promise<VaultAnswer> {
  const answer = await exchange(settings, new URL(`v1/${request.path}`, settings.address), request, signal);
  // A standby that does not forward sends the client to the active server.
  if (answer.status !== 307 || !answer.location) return answer;
  const active = new URL(answer.location, settings.address);
  if (active.protocol !== new URL(settings.address).protocol)
    throw new SecretProblem(`Vault sends us to ${active.origin}, which is another protocol`, false);
  return exchange(settings, active, request, signal);
}

async function exchange(
  { namespace, caFile }: Pick<VaultSettings, 'namespace' | 'caFile'>,
  url: URL,
  { method, token, json }: VaultRequest,
  signal: AbortSignal,
): Promise<VaultAnswer & { location?: string }> {
  const ca = caFile === undefined ? undefined : await readFile(caFile).catch(unreadable);
  const body = json === undefined ? undefined : JSON.stringify(json);
  const headers = {
    accept: 'application/json',
    // Vault's guard against requests that a web page could be made to send.
    'x-vault-request': 'true',
    ...(token && { 'x-vault-token': token }),
    ...(namespace && { 'x-vault-namespace': namespace }),
    ...(body && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
  };
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(
        new SecretProblem(`Vault at ${url.origin} cannot be reached: ${cause.message}`, true, { cause }),
      );
    const send = url.protocol === 'https:' ? overHttps : overHttp;
    const sent = send(url, { method, headers, signal, ...(ca && { ca }) }, (response) => {
      const pieces: Buffer[] = [];
      let size = 0;
      response.on('error', fail);
      response.on('data', (piece: Buffer) => {
        pieces.push(piece);
        if ((size += piece.length) > ANSWER_MAX) response.destroy(new Error('its answer is too long'));
      });
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          location: response.headers.location,
          body: bodyOf(Buffer.concat(pieces)),
        }),
      );
    });
    sent.on('error', fail);
    sent.end(body);
  });
}

/** What is not JSON, such as the page of a proxy, has nothing to tell. */
function bodyOf(bytes: Buffer): VaultAnswer['body'] {
  try {
    return (JSON.parse(bytes.toString('utf8')) ?? {}) as VaultAnswer['body'];
  } catch {
    return {};
  }
}

function unreadable(cause: Error): never {
  throw new SecretProblem(`the authority's certificate cannot be read: ${cause.message}`, false, { cause });
}
