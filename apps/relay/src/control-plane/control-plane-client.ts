/** Requests to the control plane and to its issuer of tokens; told apart into answered, refused and away. */
import { SettingsError } from '../settings-error.js';

/** Milliseconds. */
const ANSWER_MS = 20_000;
/** Characters of an answer. */
const ANSWER_MAX = 256 * 1024;

/** No answer, or that it cannot now: worth another try. */
export class ControlPlaneAway extends Error {
  override readonly name = 'ControlPlaneAway';
}

/** It answered no: another try would be answered alike. */
export class ControlPlaneRefusal extends Error {
  override readonly name = 'ControlPlaneRefusal';

  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
  ) {
    super(`refused with ${status} ${code}${detail && `: ${detail}`}`);
  }
}

export interface Exchange {
  url: string;
  headers: Record<string, string>;
  body: string;
  signal: AbortSignal;
}

/** The parsed answer of a POST. Throws ControlPlaneAway, ControlPlaneRefusal or the signal's reason. */
export async function post<T>({ url, headers, body, signal }: Exchange): Promise<T> {
  const { host } = new URL(url);
  let status: number;
  let text: string;
  try {
    const late = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(url, {
      method: 'POST',
      headers: { accept: 'application/json', ...headers },
      body,
      // A credential must not follow to wherever an answer points.
      redirect: 'error',
      signal: AbortSignal.any([signal, late]),
    });
    status = response.status;
    text = await textOf(response);
  } catch (cause) {
    signal.throwIfAborted();
    throw new ControlPlaneAway(`${host} does not answer (${reasonOf(cause)})`, { cause });
  }
  const answer = parse(text);
  if (status >= 200 && status < 300 && answer) return answer as T;
  if (status >= 500 || status === 429 || status === 408)
    throw new ControlPlaneAway(`${host} answers with ${status}`);
  const { code, error, detail, error_description } = answer ?? {};
  throw new ControlPlaneRefusal(
    status,
    textOr(code ?? error, 'unknown'),
    textOr(detail ?? error_description, `${host} does not answer as it should: is a proxy in between?`),
  );
}

/** The address without a slash at its end. Throws SettingsError. */
export function baseUrl(given: string, where: string): string {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.search || url.hash)
    throw new SettingsError(`${where} must be like https://hybrid.example.com, without user and query`);
  return url.href.replace(/\/+$/, '');
}

async function textOf(response: Response): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > ANSWER_MAX) throw new Error('its answer is too long');
  }
  return text;
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value.slice(0, 500) : otherwise;
}

/** `fetch failed` says nothing; its cause does, and one of several addresses has no message of its own. */
function reasonOf(error: unknown): string {
  const { cause, message, name } = error as Error;
  const inner = cause as NodeJS.ErrnoException | undefined;
  return inner?.message || inner?.code || message || name;
}
