/**
 * Whether a page of this site made a request. Browsers say so themselves in Sec-Fetch-Site, which no page can set; those
 * that do not, and requests beyond its reach, have the Origin.
 */
import { problem } from '@hybrid/contracts';
import type { FastifyRequest } from 'fastify';
import type { PublicUrl } from './public-url.js';

export type Sent = Pick<FastifyRequest, 'headers' | 'protocol' | 'method'>;

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** For what a cookie vouches for. @throws ProblemError `cross_site_request` unless our own page has sent it. */
export function requireSameOrigin(request: Sent, publicUrl: PublicUrl): void {
  if (SAFE.has(request.method)) return;
  const { 'sec-fetch-site': site, origin } = request.headers;
  const same =
    site === undefined
      ? origin !== undefined && origin === publicUrl.originFor(request)
      : site === 'same-origin';
  if (!same)
    throw problem(
      'forbidden',
      'cross_site_request',
      'a request that is signed in by its cookie must come from a page of this gateway; programs send Authorization: Bearer',
    );
}

/**
 * For links that do something: people follow them, and pages of other sites must not have them followed as images or
 * frames. @throws ProblemError `cross_site_request`.
 */
export function refuseEmbedded({ method, headers }: Sent): void {
  const { 'sec-fetch-dest': destination = 'document' } = headers;
  if (SAFE.has(method) && destination !== 'document')
    throw problem('forbidden', 'cross_site_request', 'this is a link to follow, and not a part of a page');
}

/** For what needs no cookie: programs may send it, pages of other sites may not. */
export function refuseOtherSites(request: Sent, publicUrl: PublicUrl): void {
  const { 'sec-fetch-site': site, origin } = request.headers;
  if (site !== undefined || origin !== undefined) requireSameOrigin(request, publicUrl);
}
