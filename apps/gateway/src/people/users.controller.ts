import { identityRequests, ListQuery, ROLES, SetRoles } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Body, Controller, Delete, Get, Param, Put, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';
import { listReply } from '../edge/list-reply.js';
import { ACCESS } from '../identity/access-table.js';
import { mayGive } from './grants.js';

@ApiTags('identity')
@ApiBearerAuth()
@Controller('api')
export class UsersController {
  constructor(private readonly connections: Connections) {}

  /** The roles, and who may use which route: the table that the gateway itself goes by. */
  @Get('roles')
  roles() {
    return { roles: ROLES, routes: ACCESS };
  }

  /** Who is asking, and what they may. */
  @Get('users/me')
  me(@Caller() { org, principal: { kind, id, roles } }: Caller) {
    return { kind, id, organisation: org, roles };
  }

  @Get('users')
  async list(@Query() query: ListQuery, @Caller() caller: Caller) {
    return listReply('users', await this.send(identityRequests.users, query, caller));
  }

  @Get('users/:user_id')
  get(@Param('user_id') user_id: string, @Caller() caller: Caller) {
    return this.send(identityRequests.user, { user_id }, caller);
  }

  /** In place of those that the person has; takes effect at once, in sessions that are open, too. */
  @Put('users/:user_id/roles')
  setRoles(@Param('user_id') user_id: string, @Body() { roles }: SetRoles, @Caller() caller: Caller) {
    mayGive(caller.principal, roles);
    return this.send(identityRequests.setRoles, { user_id, roles }, caller);
  }

  /** Is no member any more, at once. */
  @Delete('users/:user_id')
  remove(@Param('user_id') user_id: string, @Caller() caller: Caller) {
    return this.send(identityRequests.removeUser, { user_id }, caller);
  }

  private readonly send: Connections['requests']['send'] = (request, input, call) =>
    this.connections.requests.send(request, input, call);
}
