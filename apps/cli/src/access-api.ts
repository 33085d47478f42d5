/** The part of the API that says who may act. */
import type {
  CreateInvitation,
  CreateJoinToken,
  CreateKey,
  CreateTrustRule,
  Grant,
  InvitationView,
  JoinTokenView,
  KeyView,
  OrganisationView,
  TrustRuleView,
  UserView,
} from '@hybrid/contracts';
import type { ListPage } from './api.js';

type Json = <T>(method: string, path: string, body?: unknown) => Promise<T>;
type Listed<K extends string, T> = ListPage & Record<K, T[]>;

/** @param query turns what is set into `?a=b`. */
export function accessCalls(
  json: Json,
  query: (query: Record<string, string | number | undefined>) => string,
) {
  const at = encodeURIComponent;
  type Page = { limit?: string; cursor?: string };
  const list =
    <K extends string, T>(path: string) =>
    ({ limit, cursor }: Page) =>
      json<Listed<K, T>>('GET', `/api/${path}${query({ limit, cursor })}`);
  return {
    listOrganisations: list<'organisations', OrganisationView>('organisations'),
    createOrganisation: (organisation: string, name: string | undefined) =>
      json<OrganisationView>('POST', '/api/organisations', { organisation, name }),
    listUsers: list<'users', UserView>('users'),
    setRoles: (id: string, roles: Grant[]) => json<UserView>('PUT', `/api/users/${at(id)}/roles`, { roles }),
    removeUser: (id: string) => json<UserView>('DELETE', `/api/users/${at(id)}`),
    listInvitations: list<'invitations', InvitationView>('invitations'),
    invite: (invitation: CreateInvitation) =>
      json<InvitationView & { token: string; path: string }>('POST', '/api/invitations', invitation),
    revokeInvitation: (id: string) => json<InvitationView>('DELETE', `/api/invitations/${at(id)}`),
    listKeys: list<'keys', KeyView>('keys'),
    createKey: (key: CreateKey) => json<KeyView & { key: string }>('POST', '/api/keys', key),
    revokeKey: (id: string) => json<KeyView>('DELETE', `/api/keys/${at(id)}`),
    listJoinTokens: list<'join_tokens', JoinTokenView>('join-tokens'),
    createJoinToken: (token: CreateJoinToken) =>
      json<JoinTokenView & { token: string }>('POST', '/api/join-tokens', token),
    revokeJoinToken: (id: string) => json<JoinTokenView>('DELETE', `/api/join-tokens/${at(id)}`),
    listTrustRules: list<'trust_rules', TrustRuleView>('trust-rules'),
    createTrustRule: (rule: CreateTrustRule) => json<TrustRuleView>('POST', '/api/trust-rules', rule),
    removeTrustRule: (id: string) => json<TrustRuleView>('DELETE', `/api/trust-rules/${at(id)}`),
  };
}
