/** The API keys' commands and queries. */
import {
  problem,
  type CallContext,
  type CreateKey,
  type KeyAccess,
  type KeyView,
  type ListQuery,
  type Page,
} from '@hybrid/contracts';
import { listPage, Things } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { accessChanged } from '../access-changed.js';
import { sameDigest } from '../same-digest.js';
import { keyDecider, type KeyCommand, type KeyState } from './key.decider.js';
import type { KeyEvent } from './key.events.js';
import { keyList } from './key-list.projection.js';
import { KeyUses } from './key-uses.js';
import { keyView } from './key.view.js';

const DEFAULT_SECONDS = 90 * 86_400;

@Injectable()
export class Keys implements OnModuleInit {
  private readonly things: Things<KeyState, KeyCommand, KeyEvent>;

  constructor(
    private readonly connections: Connections,
    private readonly uses: KeyUses,
  ) {
    this.things = new Things(connections.eventStore, 'apiKey', keyDecider);
  }

  async onModuleInit(): Promise<void> {
    await this.connections.project(keyList);
    await this.uses.prepare();
  }

  /** The same again answers the same. @throws ProblemError `idempotency_key_reused`, and those of grants.ts. */
  create(wanted: CreateKey & { key_id: string; sha256: string }, call: CallContext): Promise<KeyView> {
    const { key_id, sha256, name, roles, expires_in_seconds = DEFAULT_SECONDS } = wanted;
    const created_by = `${call.actor.type}:${call.actor.id}`;
    return this.handle(
      key_id,
      { type: 'CreateKey', key_id, sha256, name, roles, created_by, expires_in_seconds, now: now() },
      call,
    );
  }

  /** @throws ProblemError `key_not_found`. */
  async revoke(keyId: string, created_by: string | undefined, call: CallContext): Promise<KeyView> {
    const view = await this.handle(keyId, { type: 'RevokeKey', created_by, now: now() }, call);
    accessChanged(this.connections, `key:${keyId}`, call);
    return view;
  }

  list(query: ListQuery & { created_by?: string }, call: CallContext): Promise<Page<KeyView>> {
    return listPage<{ id: string; created_at: Date; state: KeyState; used_at: Date | null }, KeyView>({
      from: this.connections.readModel(keyList),
      table: 'identity.keys left join identity.key_uses using (id, org)',
      call,
      query,
      where: { created_by: query.created_by },
      view: ({ state, used_at }) => keyView(state, used_at),
    });
  }

  /** @throws ProblemError `key_unknown`, the same whatever is wrong with it. */
  async access(keyId: string, sha256: string): Promise<KeyAccess> {
    const { state, org } = await this.things.find(keyId);
    const { key, revoked_at } = state;
    const same = sameDigest(key?.sha256 ?? null, sha256);
    if (!key || org === null || !same || revoked_at !== null || key.expires_at <= now())
      throw problem(
        'unauthenticated',
        'key_unknown',
        'this API key is not known here, or not any more: make a new one',
      );
    const { roles, created_by, expires_at } = key;
    return { key_id: keyId, org, roles, created_by, expires_at };
  }

  private async handle(keyId: string, command: KeyCommand, call: CallContext): Promise<KeyView> {
    const { state } = await this.things.handle(keyId, command, call);
    return keyView(state, await this.uses.last(keyId, call.org));
  }
}

function now(): string {
  return new Date().toISOString();
}
