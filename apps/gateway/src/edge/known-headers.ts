/**
 * Headers that the gateway reads: the closed list. All others are taken away before anything sees a request, so what is
 * not here cannot be read, kept or passed on. Printed in docs/boundary.md. Node takes 16 KiB of headers at most.
 */
import type { FieldClass } from '@hybrid/contracts';
import type { FastifyInstance } from 'fastify';
import { ARTIFACT_TYPE_HEADER } from './artifact-body.js';

interface Header {
  class: FieldClass;
  what: string;
}

const metadata = (what: string): Header => ({ class: 'metadata', what });
const digest = (what: string): Header => ({ class: 'digest', what });
const credential = (what: string): Header => ({ class: 'credential', what });

export const KNOWN_HEADERS: Readonly<Record<string, Header>> = {
  authorization: credential('a token: its SHA-256 is compared, it is kept nowhere'),
  cookie: credential('of a session or a sign-in under way: its SHA-256 is compared, it is kept nowhere'),
  'signature-input': metadata("of an agent's signature: what is signed, when, and by whom"),
  signature: digest('of the request, by an agent'),
  'content-digest': digest('of the body, signed by an agent'),
  'x-content-sha256': digest('of the bytes of an artifact'),
  'x-lease-token': credential('which attempt of a job somebody is at'),
  'x-attempt': metadata('number of the attempt'),
  'x-job-id': metadata('job for which an artifact is stored or fetched'),
  'idempotency-key': metadata('makes an id with it; not kept itself'),
  'x-organisation': metadata('which organisation is meant'),
  'x-event-position': metadata('how new an answer must be'),
  'last-event-id': metadata('where a stream of events or lines goes on'),
  traceparent: metadata('ids of a trace (W3C)'),
  accept: metadata('how the answer should look'),
  'accept-encoding': metadata('how the answer may be packed'),
  range: metadata('which bytes of an artifact are wanted'),
  'if-none-match': metadata("version of the API's page that the browser has"),
  'if-modified-since': metadata("version of the API's page that the browser has"),
  'content-type': metadata('of the body; of an artifact it is kept'),
  'content-length': metadata('bytes of the body'),
  'transfer-encoding': metadata('how the body comes'),
  expect: metadata('whether the body waits for a word'),
  connection: metadata('whether the connection stays'),
  host: metadata('name of the gateway'),
  'user-agent': metadata('browser and system in two words, in the list of sessions'),
  origin: metadata('from which site a page asks'),
  'sec-fetch-site': metadata('from which site a page asks'),
  'sec-fetch-dest': metadata('what a browser asks for'),
  'access-control-request-method': metadata('what a page of another site wants to do'),
  'access-control-request-headers': metadata('what a page of another site wants to send'),
  'x-forwarded-for': metadata('address of the caller, from proxies that HYBRID_TRUSTED_PROXIES names'),
  'x-forwarded-proto': metadata('https or not, from such proxies'),
  'x-forwarded-host': metadata('name of the gateway, from such proxies'),
};

/** To be told before any other hook. */
export function dropUnknownHeaders(fastify: FastifyInstance): void {
  const known = new Set(Object.keys(KNOWN_HEADERS));
  if (known.has(ARTIFACT_TYPE_HEADER)) throw new Error(`${ARTIFACT_TYPE_HEADER} is set by the gateway alone`);
  fastify.addHook('onRequest', (request, _, done) => {
    const { headers } = request.raw;
    for (const name in headers) if (!known.has(name)) delete headers[name];
    done();
  });
}
