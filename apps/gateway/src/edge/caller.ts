import type { Actor, CallContext } from '@hybrid/contracts';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { randomUUID } from 'node:crypto';
import { v5 as uuidV5 } from 'uuid';
import type { AuthenticatedRequest } from '../identity/access.guard.js';
import type { Role } from '../identity/identity.js';
import { tellPosition, wantedPosition } from './event-position.js';

/** Namespace of the ids that idempotency keys turn into. */
const IDEMPOTENCY_NAMESPACE = '1d3f7f0e-3b0e-4a86-8d5e-1c8f4f6e7a52';

const ACTORS: Record<Role, Actor['type']> = { admin: 'user', joiner: 'joiner', agent: 'agent' };

/** The caller as services see it: organisation, actor, and a correlation id for all that follows. */
export interface Caller extends CallContext {
  /** Pool of an agent. */
  pool?: string;
  /** The id of what the request creates: the same for the same Idempotency-Key of the same caller. */
  newId(kind: string): string;
}

export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const http = context.switchToHttp();
  const { principal, headers } = http.getRequest<AuthenticatedRequest>();
  if (!principal) throw new Error('Caller is for routes that authenticate');
  const { org, role, id, pool } = principal;
  const key = headers['idempotency-key'];
  return {
    org,
    actor: { type: ACTORS[role], id },
    correlationId: randomUUID(),
    atLeast: wantedPosition(headers),
    wrote: tellPosition(http.getResponse<FastifyReply>()),
    pool,
    newId: (kind) =>
      typeof key === 'string' && key
        ? uuidV5(JSON.stringify([org, role, id, kind, key]), IDEMPOTENCY_NAMESPACE)
        : randomUUID(),
  };
});
