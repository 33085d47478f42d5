/**
 * Who may act, for which organisation, and how they came in: people, API keys, and what lets agents in. Owner: the
 * identity service. Secrets never travel: the gateway makes and checks them, and sends their SHA-256 only.
 * Above 400 lines, as others know it as one contract.
 */
import { READ_MODEL_WAIT_MS } from './call.js';
import { NestedList, OneOf, Text, TextMap, Whole } from './fields.js';
import { ListQuery } from './paging.contract.js';
import { request, type Page } from './request.js';

/**
 * viewer reads; developer also runs pipelines and jobs; operator also tends agents, pools and read models; admin also
 * decides who may do what; auditor reads, and sees who did what.
 */
export const ROLES = ['viewer', 'developer', 'operator', 'admin', 'auditor'] as const;
export type Role = (typeof ROLES)[number];

/** A role in the whole organisation, or on the one pool, pipeline or environment that it names. */
export class Grant {
  @OneOf(ROLES)
  role!: Role;

  @Text('configuration', { optional: true, max: 100, description: 'on this pool only' })
  pool?: string;

  @Text('configuration', { optional: true, max: 100, description: 'on this pipeline only' })
  pipeline?: string;

  @Text('configuration', { optional: true, max: 100, description: 'on this environment only' })
  environment?: string;
}

/** Names of organisations: they stand in subjects and stream names. */
export const ORGANISATION_NAME = /^[a-z][a-z0-9-]{0,39}$/;

export class CreateOrganisation {
  @Text('configuration', { max: 40, pattern: ORGANISATION_NAME, description: 'its id, for ever' })
  organisation!: string;

  @Text('configuration', { optional: true, max: 100, description: 'for people; the id unless told' })
  name?: string;
}

export interface OrganisationView {
  organisation: string;
  name: string;
  /** Null for the one that was always there. */
  created_at: string | null;
}

/** Somebody whom a provider vouches for. */
export interface VouchedUser {
  /** As configured: `google`, `github`, or the name of an issuer; `local` for who came by a one-time link alone. */
  provider: string;
  /** The issuer's URL; who is who is told by issuer and subject, never by an address. */
  issuer: string;
  subject: string;
  name: string;
  /** Only where the provider says that it is verified. */
  email: string | null;
}

/** A person in one organisation. `user_id` is the same in all of them: derived from issuer and subject. */
export interface UserView {
  user_id: string;
  name: string;
  email: string | null;
  provider: string;
  roles: Grant[];
  joined_at: string;
  /** When their last session began; a moment behind, as lists are. */
  last_sign_in_at: string | null;
}

export class SetRoles {
  @NestedList(() => Grant, {
    max: 50,
    description: 'all of them, at least one: who may do nothing is removed',
  })
  roles!: Grant[];
}

export class CreateInvitation {
  @NestedList(() => Grant, { max: 50 })
  roles!: Grant[];

  @Text('configuration', { optional: true, max: 100, description: 'whom it is for; for people to read' })
  name?: string;

  @Whole({ optional: true, min: 60, max: 30 * 86_400, description: '7 days unless told' })
  expires_in_seconds?: number;
}

export type InvitationStatus = 'OPEN' | 'ACCEPTED' | 'REVOKED' | 'EXPIRED';

export interface InvitationView {
  invitation_id: string;
  name: string | null;
  roles: Grant[];
  status: InvitationStatus;
  created_by: string;
  created_at: string;
  expires_at: string;
  accepted_by: string | null;
}

export class CreateKey {
  @Text('configuration', { max: 100, description: 'for people: what uses it' })
  name!: string;

  @NestedList(() => Grant, { max: 50, description: 'what it may do: nothing that its maker may not' })
  roles!: Grant[];

  @Whole({ optional: true, min: 60, max: 366 * 86_400, description: '90 days unless told' })
  expires_in_seconds?: number;
}

export interface KeyView {
  key_id: string;
  name: string;
  roles: Grant[];
  /** `user:<id>`, as in audit. */
  created_by: string;
  created_at: string;
  expires_at: string;
  /** To the minute. */
  last_used_at: string | null;
  revoked_at: string | null;
}

/** What joins with a join token, or by a trust rule. */
export const JOINING = ['agent', 'relay'] as const;
export type JoiningKind = (typeof JOINING)[number];

export class CreateJoinToken {
  @Text('configuration', { max: 100, description: 'for people: what joins with it' })
  name!: string;

  @OneOf(JOINING, { optional: true, description: 'agents unless told' })
  for?: JoiningKind;

  @Text('configuration', {
    optional: true,
    max: 100,
    description: 'agents join this pool only; any unless told; not of relays',
  })
  pool?: string;

  @Whole({ optional: true, min: 60, max: 366 * 86_400, description: '30 days unless told' })
  expires_in_seconds?: number;
}

export interface JoinTokenView {
  token_id: string;
  name: string;
  for: JoiningKind;
  pool: string | null;
  created_by: string;
  created_at: string;
  expires_at: string;
  revoked_at: string | null;
}

/** Workloads that a platform vouches for may join a pool, or be relays. */
export class CreateTrustRule {
  @Text('configuration', { max: 100, description: 'for people' })
  name!: string;

  @OneOf(JOINING, { optional: true, description: 'agents unless told' })
  for?: JoiningKind;

  @Text('configuration', { optional: true, max: 100, description: 'agents join this pool; not of relays' })
  pool?: string;

  @Text('configuration', {
    max: 500,
    pattern: /^https?:\/\//,
    example: 'https://token.actions.githubusercontent.com',
  })
  issuer!: string;

  @Text('configuration', {
    max: 500,
    description: 'the `aud` of its tokens; one that only this installation uses',
  })
  audience!: string;

  @Text('configuration', {
    max: 500,
    description: 'the `sub`; `*` stands for any characters but `:` and `/`',
  })
  subject!: string;

  @TextMap('configuration', { optional: true, max: 20, description: 'other claims, and what each must be' })
  claims?: Record<string, string>;
}

export interface TrustRuleView {
  rule_id: string;
  name: string;
  for: JoiningKind;
  /** Null: it is for relays. */
  pool: string | null;
  issuer: string;
  audience: string;
  subject: string;
  claims: Record<string, string>;
  created_by: string;
  created_at: string;
  removed_at: string | null;
}

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const TOKEN_TYPES = {
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
  id: 'urn:ietf:params:oauth:token-type:id_token',
  access: 'urn:ietf:params:oauth:token-type:access_token',
} as const;

/** A workload shows the token of its platform, to join a pool: OAuth 2.0 Token Exchange (RFC 8693), as JSON or a form. */
export class ExchangeToken {
  @OneOf([TOKEN_EXCHANGE])
  grant_type!: typeof TOKEN_EXCHANGE;

  @Text('credential', { max: 16_000, description: 'a JWT of an issuer that a trust rule names' })
  subject_token!: string;

  @OneOf([TOKEN_TYPES.jwt, TOKEN_TYPES.id])
  subject_token_type!: string;

  @OneOf([TOKEN_TYPES.access], { optional: true })
  requested_token_type?: typeof TOKEN_TYPES.access;

  @Text('metadata', {
    optional: true,
    max: 40,
    pattern: ORGANISATION_NAME,
    description: '`default` unless told',
  })
  organisation?: string;

  @Text('metadata', {
    optional: true,
    max: 100,
    description: 'the one to join; unless told, that of the oldest rule that fits',
  })
  pool?: string;
}

export interface ExchangedToken {
  /** For `POST /api/agents/register`, and nothing else. */
  access_token: string;
  issued_token_type: typeof TOKEN_TYPES.access;
  token_type: 'Bearer';
  /** Seconds. */
  expires_in: number;
  pool: string;
}

/** What a checked credential stands for. */
export interface KeyAccess {
  key_id: string;
  org: string;
  roles: Grant[];
  /** As KeyView has it: a key is worth no more than whoever made it. */
  created_by: string;
  expires_at: string;
}

export interface UserAccess {
  user_id: string;
  name: string;
  roles: Grant[];
}

export interface JoinAccess {
  token_id: string;
  org: string;
  /** Not told by replicas of before: agents. */
  for?: JoiningKind;
  pool: string | null;
  expires_at: string;
}

/** An open invitation, as whoever holds its secret sees it. */
export interface InvitationAccess {
  invitation_id: string;
  org: string;
  organisation_name: string;
  name: string | null;
  roles: Grant[];
  expires_at: string;
}

/** Why a way in was closed, or who was not let in. Kept for audit; never what was presented. */
export interface Refusal {
  /** What was tried: `sign-in`, `credential`, `permission`. */
  what: 'sign-in' | 'credential' | 'permission';
  /** The problem's code: `not_a_member`, `unauthenticated`, `forbidden` … */
  code: string;
  /** The route or provider. */
  where: string;
  /** How often, from this address, since `since`. */
  count: number;
  since: string;
}

type Id<K extends string> = Record<K, string>;

/** For queries that wait until the read model holds all that was written before. */
const CONSISTENT_MS = 5_000 + READ_MODEL_WAIT_MS;

export const identityRequests = {
  /** Refused with `organisation_exists` where it is called otherwise. The default one is always there. */
  createOrganisation: request<CreateOrganisation, OrganisationView>('cmd.identity.organisation.create'),
  /** Of all of them, whoever asks: for the installation alone. */
  listOrganisations: request<ListQuery, Page<OrganisationView>>('qry.identity.organisation.list'),
  /** Refused with `organisation_not_found`. */
  organisation: request<Id<'organisation'>, OrganisationView>('qry.identity.organisation.get'),

  /**
   * Somebody has proved who they are. With an invitation (by its id; the gateway has checked its secret) they join, or
   * get the invitation's roles too; without, they must be a member: `not_a_member` otherwise. Refused with
   * `invitation_invalid`, the same whatever is wrong with it; whoever came with it may follow it again.
   */
  signIn: request<{ user: VouchedUser; invitation?: { invitation_id: string; sha256: string } }, UserAccess>(
    'cmd.identity.user.sign-in',
  ),
  /**
   * Organisations that the person is a member of, the last used one first. Not of the call's organisation alone.
   * Strongly consistent: whoever has just joined is there, and whoever was removed is not.
   */
  memberships: request<{ issuer: string; subject: string }, { organisations: string[] }>(
    'qry.identity.user.memberships',
    CONSISTENT_MS,
  ),
  users: request<ListQuery, Page<UserView>>('qry.identity.user.list'),
  user: request<Id<'user_id'>, UserView>('qry.identity.user.get'),
  /**
   * Both are refused with `last_admin` where no admin of the whole organisation would be left, and roles with
   * `roles_missing` and `roles_ambiguous` (on more than one thing at once).
   */
  setRoles: request<SetRoles & Id<'user_id'>, UserView>('cmd.identity.user.set-roles'),
  removeUser: request<Id<'user_id'>, UserView>('cmd.identity.user.remove'),
  /** Refused with `not_a_member`. */
  userAccess: request<Id<'user_id'>, UserAccess>('qry.identity.user.access'),

  /** Refused with `organisation_not_found`, `roles_missing`, `roles_ambiguous`, `idempotency_key_reused`. */
  invite: request<CreateInvitation & Id<'invitation_id' | 'sha256'>, InvitationView>(
    'cmd.identity.invitation.create',
  ),
  invitations: request<ListQuery, Page<InvitationView>>('qry.identity.invitation.list'),
  /** Refused with `invitation_accepted` where somebody has come with it. */
  revokeInvitation: request<Id<'invitation_id'>, InvitationView>('cmd.identity.invitation.revoke'),
  /** Of whichever organisation; refused with `invitation_invalid`, the same whatever is wrong with it. */
  invitationAccess: request<Id<'invitation_id' | 'sha256'>, InvitationAccess>(
    'qry.identity.invitation.access',
    CONSISTENT_MS,
  ),

  createKey: request<CreateKey & Id<'key_id' | 'sha256'>, KeyView>('cmd.identity.key.create'),
  /** With `created_by` only those of that actor. */
  keys: request<ListQuery & { created_by?: string }, Page<KeyView>>('qry.identity.key.list'),
  /** With `created_by` only one of that actor's: any other is not there. */
  revokeKey: request<Id<'key_id'> & { created_by?: string }, KeyView>('cmd.identity.key.revoke'),
  /** Of whichever organisation; refused with `key_unknown`, the same whatever is wrong with it. */
  keyAccess: request<Id<'key_id' | 'sha256'>, KeyAccess>('qry.identity.key.access'),
  /** Written down at most once a minute for each key; no event. */
  keysUsed: request<{ keys: { key_id: string; org: string; at: string }[] }, null>('cmd.identity.key.used'),

  createJoinToken: request<CreateJoinToken & Id<'token_id' | 'sha256'>, JoinTokenView>(
    'cmd.identity.jointoken.create',
  ),
  joinTokens: request<ListQuery, Page<JoinTokenView>>('qry.identity.jointoken.list'),
  revokeJoinToken: request<Id<'token_id'>, JoinTokenView>('cmd.identity.jointoken.revoke'),
  /** Of whichever organisation; refused with `join_token_unknown`, the same whatever is wrong with it. */
  joinAccess: request<Id<'token_id' | 'sha256'>, JoinAccess>('qry.identity.jointoken.access'),

  createTrustRule: request<CreateTrustRule & Id<'rule_id'>, TrustRuleView>('cmd.identity.trustrule.create'),
  trustRules: request<ListQuery, Page<TrustRuleView>>('qry.identity.trustrule.list'),
  removeTrustRule: request<Id<'rule_id'>, TrustRuleView>('cmd.identity.trustrule.remove'),
  /** One that was not removed; refused with `trust_rule_not_found`. */
  trustRule: request<Id<'rule_id'>, TrustRuleView>('qry.identity.trustrule.get'),
  /** Those of the organisation's that name this issuer. */
  trustRulesOf: request<{ issuer: string }, { rules: TrustRuleView[] }>('qry.identity.trustrule.of-issuer'),

  /** For audit: who began and ended a session, from where. */
  sessionStarted: request<
    { session_id: string; user_id: string; provider: string; device: string | null; expires_at: string },
    null
  >('cmd.identity.session.start'),
  /** Refused with `session_not_found` where this user has no such session. */
  sessionEnded: request<{ session_id: string; user_id: string; reason: 'signed-out' | 'forced' }, null>(
    'cmd.identity.session.end',
  ),
  /** Written down once for each address, actor, way in and `since`. */
  recordRefusal: request<Refusal, null>('cmd.identity.refusal.record'),
};

/** Told to every gateway once what it may remember of somebody is not so any more; a hint, which may be lost. */
export const ACCESS_CHANGED_SUBJECT = 'live.identity.access.changed';

/** `kind:id` of what changed: `key:…`, `user:<org>/<id>`, `join:…`, `agent:…`, `relay:…`, `rule:…`. */
export interface AccessChanged {
  subject: string;
}
