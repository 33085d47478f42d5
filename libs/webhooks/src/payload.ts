/** The body of a webhook as a value, within bounds that a hostile one cannot pass. Only for what is verified. */
import { WEBHOOK_MAX_BYTES } from '@hybrid/delivery';
import type { WebhookRefusal, WebhookRequest } from './received.js';

/** Levels of nesting: the deepest of the hosts' has ten. */
const MAX_DEPTH = 50;
/** Values in it: a push of 2,048 commits has 60,000. Bounds memory: a small body can hold very many empty lists. */
const MAX_VALUES = 1_000_000;

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const OPENING = [0x5b, 0x7b];
const CLOSING = [0x5d, 0x7d];

const JSON_TYPE = /^application\/(?:[a-z0-9.+-]+\+)?json$/;
const FORM_TYPE = 'application/x-www-form-urlencoded';

export type Payload = { value: unknown; refusal?: never } | { refusal: WebhookRefusal };

export function readPayload(
  { headers, body }: WebhookRequest,
  { form = false }: { form?: boolean },
): Payload {
  if (body.byteLength > WEBHOOK_MAX_BYTES)
    return refuse(413, 'too_large', `the body has more than ${WEBHOOK_MAX_BYTES} bytes`);
  const type = contentType(headers['content-type']);
  const isForm = type === FORM_TYPE;
  if (!JSON_TYPE.test(type) && !(isForm && form))
    return refuse(415, 'wrong_content_type', `set the webhook's content type to application/json`);
  const text = utf8(body);
  if (text === null) return refuse(400, 'not_json', 'the body is not UTF-8');
  const json = isForm ? payloadOf(text) : text;
  if (json === null) return refuse(400, 'not_json', 'the form has not exactly one field `payload`');
  if (!isBounded(json))
    return refuse(
      422,
      'too_complex',
      `the body is nested more than ${MAX_DEPTH} levels deep, or has more than ${MAX_VALUES} values`,
    );
  try {
    return { value: JSON.parse(json) };
  } catch {
    return refuse(400, 'not_json', 'the body is not JSON');
  }
}

function contentType(header: string | string[] | undefined): string {
  if (typeof header !== 'string') return '';
  return header.split(';', 1)[0]!.trim().toLowerCase();
}

function utf8(body: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    return null;
  }
}

function payloadOf(form: string): string | null {
  const [payload, ...more] = new URLSearchParams(form).getAll('payload');
  return payload === undefined || more.length > 0 ? null : payload;
}

/** Before it is parsed: what the parser would make of it may take fifty times the memory. */
function isBounded(json: string): boolean {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) at = endOfText(json, at);
    else if (OPENING.includes(code)) {
      if (++depth > MAX_DEPTH) return false;
      values++;
    } else if (CLOSING.includes(code)) depth--;
    else if (code === COMMA) values++;
    if (values > MAX_VALUES) return false;
  }
  return true;
}

/** Where the closing quote is, or the end. */
function endOfText(json: string, start: number): number {
  for (let at = start + 1; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === BACKSLASH) at++;
    else if (code === QUOTE) return at;
  }
  return json.length;
}

function refuse(
  status: WebhookRefusal['status'],
  code: WebhookRefusal['code'],
  detail: string,
): { refusal: WebhookRefusal } {
  return { refusal: { status, code, detail } };
}
