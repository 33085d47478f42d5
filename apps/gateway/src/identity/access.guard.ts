/** Deny by default: a route answers only those whom the access table names. */
import { agentsRequests, pipelinesRequests, problem } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { randomUUID } from 'node:crypto';
import { ACCESS, routeName, type Access, type Resource, type Row } from './access-table.js';
import { Identity } from './identity.js';
import { ACTORS, mayUse, mayUseOn, tendsInstallation, type Principal } from './principal.js';

export type AuthenticatedRequest = FastifyRequest<{ Params: Record<string, string> }> & {
  principal?: Principal;
};

@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly identity: Identity,
    private readonly connections: Connections,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (context.getType() !== 'http') return true;
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    const access = accessOf(request);
    if (access === 'everybody') return true;
    const principal = await this.identity.identify(request);
    request.principal = principal;
    if (access === 'installation') {
      if (tendsInstallation(principal)) return true;
      throw problem('forbidden', 'forbidden', "this is for the installation's administrators alone");
    }
    const allowed = mayUse(access, principal);
    if (allowed === 'no' || (allowed === 'on' && !(await this.mayHere(access, principal, request))))
      throw problem('forbidden', 'forbidden', `${roleOf(principal)} may not use this route`);
    const { agent_id } = request.params;
    if (principal.kind === 'agent' && agent_id && agent_id !== principal.id)
      throw problem('forbidden', 'not_your_agent', 'an agent may speak for itself only');
    return true;
  }

  private async mayHere(
    row: Row & { on?: Resource },
    principal: Principal,
    { params, ip }: AuthenticatedRequest,
  ): Promise<boolean> {
    const { on } = row;
    if (!on) return false;
    const call = {
      org: principal.org,
      actor: { type: ACTORS[principal.kind], id: principal.id },
      address: ip,
      correlationId: randomUUID(),
    };
    const { requests } = this.connections;
    if ('param' in on) return mayUseOn(row, principal, params[on.param]!);
    if ('agent' in on) {
      const { pool } = await requests.send(agentsRequests.get, { agent_id: params[on.agent]! }, call);
      return mayUseOn(row, principal, pool);
    }
    const { pipeline } = await requests.send(pipelinesRequests.getRun, { run_id: params[on.run]! }, call);
    return mayUseOn(row, principal, pipeline);
  }
}

/** At start no route was without a row; what has none all the same is for nobody. */
function accessOf({ method, routeOptions }: FastifyRequest): Access {
  return ACCESS[routeName(method, routeOptions.url ?? '')] ?? { roles: [], machines: [] };
}

/** As a refusal tells it: `the role viewer`, `an agent`. */
function roleOf({ kind, roles }: Principal): string {
  if (kind === 'agent') return 'an agent';
  if (kind === 'joiner') return 'a join token';
  if (roles.length === 0) return 'somebody without a role';
  return `somebody with no more than ${[...new Set(roles.map(({ role }) => role))].join(', ')} here`;
}
