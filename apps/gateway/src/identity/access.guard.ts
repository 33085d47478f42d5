/** Deny by default: a route answers only those whom the access table names. */
import { agentsRequests, pipelinesRequests, problem, type CallContext } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { randomUUID } from 'node:crypto';
import { RateLimits } from '../edge/rate-limits.js';
import { cookieOf, SESSION_COOKIE } from '../sign-in/cookies.js';
import { ACCESS, routeName, type Access, type Resource, type Row } from './access-table.js';
import { Identity } from './identity.js';
import { ACTORS, isMachine, mayUse, mayUseOn, tendsInstallation, type Principal } from './principal.js';
import { Refusals } from './refusals.js';
import { SignedAgents } from './signed-agents.js';
import { isWrongCredential } from './wrong-credential.js';

export type AuthenticatedRequest = FastifyRequest<{ Params: Record<string, string> }> & {
  principal?: Principal;
};

@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly identity: Identity,
    private readonly connections: Connections,
    private readonly limits: RateLimits,
    private readonly refusals: Refusals,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (context.getType() !== 'http') return true;
    const http = context.switchToHttp();
    const request = http.getRequest<AuthenticatedRequest>();
    const reply = http.getResponse<FastifyReply>();
    const access = accessOf(request);
    if (access === 'everybody') return true;
    const principal = await this.authenticate(request, reply);
    request.principal = principal;
    this.limits.count(principal, reply);
    try {
      await this.authorise(access, principal, request);
    } catch (error) {
      this.refusals.refusedBy(error, { ...placeOf(request), ...whoOf(principal) });
      throw error;
    }
    return true;
  }

  private async authenticate(request: AuthenticatedRequest, reply: FastifyReply): Promise<Principal> {
    // Who presents nothing guesses nothing.
    const presents = presentsSomething(request);
    try {
      if (presents) this.limits.mayTry(request, reply);
      return await this.identity.identify(request);
    } catch (error) {
      if (presents && isWrongCredential(error)) this.limits.failed(request);
      this.refusals.refusedBy(error, placeOf(request));
      throw error;
    }
  }

  /** @throws ProblemError `forbidden`, or `not_your_agent`. */
  private async authorise(
    access: Exclude<Access, 'everybody'>,
    principal: Principal,
    request: AuthenticatedRequest,
  ): Promise<void> {
    if (access === 'installation') {
      if (tendsInstallation(principal)) return;
      throw problem('forbidden', 'forbidden', "this is for the installation's administrators alone");
    }
    if (access === 'people') {
      if (!isMachine(principal.kind)) return;
      throw problem('forbidden', 'forbidden', `${roleOf(principal)} may not use this route`);
    }
    const allowed = mayUse(access, principal);
    if (allowed === 'no' || (allowed === 'on' && !(await this.mayHere(access, principal, request))))
      throw problem('forbidden', 'forbidden', `${roleOf(principal)} may not use this route`);
    const { agent_id } = request.params;
    if (principal.kind === 'agent' && agent_id && agent_id !== principal.id)
      throw problem('forbidden', 'not_your_agent', 'an agent may speak for itself only');
  }

  private async mayHere(
    row: Row & { on?: Resource },
    principal: Principal,
    { params, ip }: AuthenticatedRequest,
  ): Promise<boolean> {
    const { on } = row;
    if (!on) return false;
    const call = {
      ...whoOf(principal),
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

/** Cookies of others are no credential. */
function presentsSomething(request: AuthenticatedRequest): boolean {
  const { authorization } = request.headers;
  return (
    authorization !== undefined ||
    SignedAgents.claims(request) ||
    cookieOf(request, SESSION_COOKIE) !== undefined
  );
}

function placeOf({ method, routeOptions, ip }: FastifyRequest): { where: string; address: string } {
  return { where: routeName(method, routeOptions.url ?? ''), address: ip };
}

function whoOf({ kind, id, org }: Principal): Pick<CallContext, 'org' | 'actor'> {
  return { org, actor: { type: ACTORS[kind], id } };
}

/** At start no route was without a row; what has none all the same is for nobody. */
function accessOf({ method, routeOptions }: FastifyRequest): Access {
  return ACCESS[routeName(method, routeOptions.url ?? '')] ?? { roles: [], machines: [] };
}

/** As a refusal tells it: `the role viewer`, `an agent`. */
function roleOf({ kind, roles }: Principal): string {
  if (kind === 'agent') return 'an agent';
  if (kind === 'joiner') return 'a join token';
  if (kind === 'relay') return 'a relay';
  if (roles.length === 0) return 'somebody without a role';
  return `somebody with no more than ${[...new Set(roles.map(({ role }) => role))].join(', ')} here`;
}
