import type { CallContext } from '@hybrid/contracts';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { randomUUID } from 'node:crypto';
import { v5 as uuidV5 } from 'uuid';
import type { AuthenticatedRequest } from '../identity/access.guard.js';
import { ACTORS, type Principal } from '../identity/principal.js';
import { tellPosition, wantedPosition } from './event-position.js';

/** Namespace of the ids that idempotency keys turn into. */
const IDEMPOTENCY_NAMESPACE = '1d3f7f0e-3b0e-4a86-8d5e-1c8f4f6e7a52';

/** The caller as services see it: organisation, actor, and a correlation id for all that follows. */
export interface Caller extends CallContext {
  principal: Principal;
  /** The id of what the request creates: the same for the same Idempotency-Key of the same caller. */
  newId(noun: string): string;
  /** The same, or null without an Idempotency-Key. */
  repeatable(noun: string): string | null;
}

export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const http = context.switchToHttp();
  const { principal, headers, ip } = http.getRequest<AuthenticatedRequest>();
  if (!principal) throw new Error('Caller is for routes that authenticate');
  const { org, kind, id } = principal;
  const key = headers['idempotency-key'];
  const repeatable = (noun: string) =>
    typeof key === 'string' && key
      ? uuidV5(JSON.stringify([org, kind, id, noun, key]), IDEMPOTENCY_NAMESPACE)
      : null;
  return {
    org,
    actor: { type: ACTORS[kind], id },
    address: ip,
    correlationId: randomUUID(),
    atLeast: wantedPosition(headers),
    wrote: tellPosition(http.getResponse<FastifyReply>()),
    principal,
    repeatable,
    newId: (noun) => repeatable(noun) ?? randomUUID(),
  };
});
