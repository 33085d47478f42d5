/** Deny by default: a route answers only those roles that it names. */
import { problem } from '@hybrid/contracts';
import { Injectable, SetMetadata, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Identity, type Principal, type Role } from './identity.js';

const ALLOWED = 'hybrid:allowed';

export interface AuthenticatedRequest {
  headers: Record<string, string | string[] | undefined>;
  params: Record<string, string>;
  principal?: Principal;
}

/** The roles that may use the route. */
export const Allow = (...roles: Role[]) => SetMetadata(ALLOWED, roles);

/** Everybody may use the route, without a token. */
export const Public = () => SetMetadata(ALLOWED, 'everybody');

@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly identity: Identity,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (context.getType() !== 'http') return true;
    const allowed = this.reflector.getAllAndOverride<Role[] | 'everybody' | undefined>(ALLOWED, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (allowed === 'everybody') return true;
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    const authorization = request.headers['authorization'];
    request.principal = await this.identity.identify(
      Array.isArray(authorization) ? authorization[0] : authorization,
    );
    const { role, id } = request.principal;
    if (!allowed?.includes(role))
      throw problem('forbidden', 'forbidden', `the role ${role} may not use this route`);
    const { agent_id } = request.params;
    if (role === 'agent' && agent_id && agent_id !== id)
      throw problem('forbidden', 'not_your_agent', 'an agent may speak for itself only');
    return true;
  }
}
