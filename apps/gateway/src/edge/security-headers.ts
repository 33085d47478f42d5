/**
 * Headers that keep browsers from doing anything with an answer but read it. A route that renders a page sets a
 * Content-Security-Policy of its own with `reply.header`, which wins.
 *
 * Written out here: @fastify/helmet works them out anew for each request, which costs more than a claim's validation.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  // For browsers that do not know frame-ancestors.
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  // Whatever may be kept says so itself.
  'cache-control': 'no-store',
};

/** The page of the API's document: its scripts are files of ours, its styles and icons stand in the page. */
const DOCS = /^\/api\/docs(\/|\?|$)/;
const DOCS_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** A year; for this host alone, as others of its domain are not ours. */
const HSTS = 'max-age=31536000';

export type Secure = (request: Pick<FastifyRequest, 'url'>, reply: FastifyReply) => void;

/** `https`: whether clients reach the gateway by TLS, its own or a proxy's. */
export function securityHeaders(https: boolean): Secure {
  const headers = { ...HEADERS, ...(https && { 'strict-transport-security': HSTS }) };
  return ({ url }, reply) => {
    void reply.headers(headers);
    if (DOCS.test(url)) void reply.header('content-security-policy', DOCS_POLICY);
  };
}

export function secureAll(fastify: FastifyInstance, secure: Secure): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    secure(request, reply);
    done();
  });
}
