/** The join tokens' commands and queries. */
import {
  problem,
  type CallContext,
  type CreateJoinToken,
  type JoinAccess,
  type JoinTokenView,
  type ListQuery,
  type Page,
} from '@hybrid/contracts';
import { listPage, Things } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { accessChanged } from '../access-changed.js';
import { sameDigest } from '../same-digest.js';
import { joinTokenDecider, type JoinTokenCommand, type JoinTokenState } from './join-token.decider.js';
import type { JoinTokenEvent } from './join-token.events.js';
import { joinTokenList } from './join-token-list.projection.js';

const DEFAULT_SECONDS = 30 * 86_400;

@Injectable()
export class JoinTokens implements OnModuleInit {
  private readonly things: Things<JoinTokenState, JoinTokenCommand, JoinTokenEvent>;

  constructor(private readonly connections: Connections) {
    this.things = new Things(connections.eventStore, 'joinToken', joinTokenDecider);
  }

  async onModuleInit(): Promise<void> {
    await this.connections.project(joinTokenList);
  }

  /** The same again answers the same. @throws ProblemError `idempotency_key_reused`. */
  async create(
    wanted: CreateJoinToken & { token_id: string; sha256: string },
    call: CallContext,
  ): Promise<JoinTokenView> {
    const { token_id, sha256, name, pool = null, expires_in_seconds = DEFAULT_SECONDS } = wanted;
    const isFor = wanted.for === 'relay' ? { for: wanted.for } : {};
    const created_by = `${call.actor.type}:${call.actor.id}`;
    const { state } = await this.things.handle(
      token_id,
      {
        type: 'CreateJoinToken',
        token_id,
        sha256,
        name,
        ...isFor,
        pool,
        created_by,
        expires_in_seconds,
        now: now(),
      },
      call,
    );
    return view(state);
  }

  /** @throws ProblemError `join_token_not_found`. */
  async revoke(tokenId: string, call: CallContext): Promise<JoinTokenView> {
    const { state } = await this.things.handle(tokenId, { type: 'RevokeJoinToken', now: now() }, call);
    accessChanged(this.connections, `join:${tokenId}`, call);
    return view(state);
  }

  list(query: ListQuery, call: CallContext): Promise<Page<JoinTokenView>> {
    return listPage<{ id: string; created_at: Date; state: JoinTokenState }, JoinTokenView>({
      from: this.connections.readModel(joinTokenList),
      table: 'identity.join_tokens',
      call,
      query,
      where: {},
      view: ({ state }) => view(state),
    });
  }

  /** @throws ProblemError `join_token_unknown`, the same whatever is wrong with it. */
  async access(tokenId: string, sha256: string): Promise<JoinAccess> {
    const { state, org } = await this.things.find(tokenId);
    const { token, revoked_at } = state;
    const same = sameDigest(token?.sha256 ?? null, sha256);
    if (!token || org === null || !same || revoked_at !== null || token.expires_at <= now())
      throw problem(
        'unauthenticated',
        'join_token_unknown',
        'this join token is not known here, or not any more: ask for a new one',
      );
    const { pool, expires_at } = token;
    return { token_id: tokenId, org, for: token.for ?? 'agent', pool, expires_at };
  }
}

function view({ token, revoked_at }: JoinTokenState): JoinTokenView {
  if (!token) throw problem('not_found', 'join_token_not_found', 'there is no such join token');
  const { token_id, name, pool, created_by, at, expires_at } = token;
  return {
    token_id,
    name,
    for: token.for ?? 'agent',
    pool,
    created_by,
    created_at: at,
    expires_at,
    revoked_at,
  };
}

function now(): string {
  return new Date().toISOString();
}
