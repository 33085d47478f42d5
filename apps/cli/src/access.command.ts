/** Commands for who may act: organisations, people, invitations, API keys, join tokens, trust rules. */
import type { CreateTrustRule, Grant, KeyView } from '@hybrid/contracts';
import type { CommandContext, PageOptions } from './context.js';
import { grantText } from './text/grant.js';
import { ago } from './text/duration.js';
import { showList } from './text/list.js';
import { terminalText } from './text/terminal-text.js';

type Context = CommandContext;

export interface RoleOptions {
  role: Grant[];
  name?: string;
  expires?: number;
}

type TrustRuleOptions = Omit<CreateTrustRule, 'name' | 'claims' | 'for'> & {
  claim?: Record<string, string>;
  relay?: true;
};

export async function listOrganisations({ api, out }: Context, query: PageOptions): Promise<void> {
  const page = await api.listOrganisations(query);
  showList(out, page, ['ID', 'NAME', 'CREATED'], page.organisations, (one) => [
    one.organisation,
    one.name,
    one.created_at ?? '-',
  ]);
}

export async function createOrganisation(
  { api, out }: Context,
  organisation: string,
  { name }: { name?: string },
): Promise<void> {
  const made = await api.createOrganisation(organisation, name);
  if (out.format === 'json') return out.json(made);
  out.line(`organisation ${made.organisation} is there; its first administrator comes by an invitation:`);
  out.line(`  hybrid --organisation ${made.organisation} invite create --role admin`);
}

export async function listUsers({ api, out }: Context, query: PageOptions): Promise<void> {
  const page = await api.listUsers(query);
  showList(out, page, ['ID', 'NAME', 'E-MAIL', 'BY', 'ROLES', 'LAST SIGN-IN'], page.users, (user) => [
    user.user_id,
    user.name,
    user.email ?? '-',
    user.provider,
    rolesText(user.roles),
    ago(user.last_sign_in_at, Date.now()),
  ]);
}

export async function setRoles({ api, out }: Context, id: string, { role }: RoleOptions): Promise<void> {
  const user = await api.setRoles(id, role);
  if (out.format === 'json') return out.json(user);
  out.line(terminalText(`${user.name} is now: ${rolesText(user.roles)}`, false));
}

export async function removeUser({ api, out }: Context, id: string): Promise<void> {
  const user = await api.removeUser(id);
  if (out.format === 'json') return out.json(user);
  out.line(terminalText(`${user.name} is no member any more`, false));
}

export async function listInvitations({ api, out }: Context, query: PageOptions): Promise<void> {
  const page = await api.listInvitations(query);
  showList(out, page, ['ID', 'FOR', 'ROLES', 'STATUS', 'EXPIRES'], page.invitations, (one) => [
    one.invitation_id,
    one.name ?? '-',
    rolesText(one.roles),
    one.status,
    one.expires_at,
  ]);
}

export async function invite({ api, out }: Context, { role, name, expires }: RoleOptions): Promise<void> {
  const made = await api.invite({ roles: role, name, expires_in_seconds: expires });
  if (out.format === 'json') return out.json(made);
  out.line(api.url + made.path);
  out.note(`works once, until ${made.expires_at}; whoever opens it is: ${rolesText(made.roles)}`);
}

export async function revokeInvitation({ api, out }: Context, id: string): Promise<void> {
  const invitation = await api.revokeInvitation(id);
  if (out.format === 'json') return out.json(invitation);
  out.line(`invitation ${invitation.invitation_id} is worth nothing now`);
}

export async function listKeys({ api, out }: Context, query: PageOptions): Promise<void> {
  const page = await api.listKeys(query);
  showList(out, page, ['ID', 'NAME', 'ROLES', 'BY', 'STATUS', 'LAST USED'], page.keys, (key) => [
    key.key_id,
    key.name,
    rolesText(key.roles),
    key.created_by,
    keyStatus(key, Date.now()),
    ago(key.last_used_at, Date.now()),
  ]);
}

export async function createKey(
  { api, out }: Context,
  name: string,
  { role, expires }: RoleOptions,
): Promise<void> {
  const made = await api.createKey({ name, roles: role, expires_in_seconds: expires });
  if (out.format === 'json') return out.json(made);
  out.line(made.key);
  out.note(`shown only now; works until ${made.expires_at}; may do: ${rolesText(made.roles)}`);
}

export async function revokeKey({ api, out }: Context, id: string): Promise<void> {
  const key = await api.revokeKey(id);
  if (out.format === 'json') return out.json(key);
  out.line(terminalText(`key ${key.key_id} (${key.name}) is worth nothing now`, false));
}

export async function listJoinTokens({ api, out }: Context, query: PageOptions): Promise<void> {
  const page = await api.listJoinTokens(query);
  showList(out, page, ['ID', 'NAME', 'POOL', 'BY', 'STATUS'], page.join_tokens, (token) => [
    token.token_id,
    token.name,
    token.for === 'relay' ? 'for relays' : (token.pool ?? 'any'),
    token.created_by,
    keyStatus(token, Date.now()),
  ]);
}

export async function createJoinToken(
  { api, out }: Context,
  name: string,
  { pool, relay, expires }: { pool?: string; relay?: true; expires?: number },
): Promise<void> {
  const isFor = relay ? ({ for: 'relay' } as const) : {};
  const made = await api.createJoinToken({ name, ...isFor, pool, expires_in_seconds: expires });
  if (out.format === 'json') return out.json(made);
  out.line(made.token);
  const where = made.pool === null ? 'any pool' : `the pool ${made.pool}`;
  const who = made.for === 'relay' ? 'relays register' : `agents join ${where}`;
  out.note(terminalText(`shown only now; ${who} with it until ${made.expires_at}`, false));
}

export async function revokeJoinToken({ api, out }: Context, id: string): Promise<void> {
  const token = await api.revokeJoinToken(id);
  if (out.format === 'json') return out.json(token);
  out.line(terminalText(`nobody joins with ${token.token_id} (${token.name}) any more`, false));
}

export async function listTrustRules({ api, out }: Context, query: PageOptions): Promise<void> {
  const page = await api.listTrustRules(query);
  showList(out, page, ['ID', 'NAME', 'POOL', 'ISSUER', 'SUBJECT'], page.trust_rules, (rule) => [
    rule.rule_id,
    rule.name,
    rule.pool ?? 'for relays',
    rule.issuer,
    rule.removed_at ? `${rule.subject} (removed)` : rule.subject,
  ]);
}

export async function createTrustRule(
  { api, out }: Context,
  name: string,
  { claim: claims, relay, ...rule }: TrustRuleOptions,
): Promise<void> {
  const isFor = relay ? ({ for: 'relay' } as const) : {};
  const made = await api.createTrustRule({ ...rule, ...isFor, name, claims });
  if (out.format === 'json') return out.json(made);
  const who = `${made.subject} of ${made.issuer}`;
  out.line(
    terminalText(
      `${made.rule_id}: ${who} ${made.pool === null ? 'may be a relay' : `may join the pool ${made.pool}`}`,
      false,
    ),
  );
}

export async function removeTrustRule({ api, out }: Context, id: string): Promise<void> {
  const rule = await api.removeTrustRule(id);
  if (out.format === 'json') return out.json(rule);
  out.line(terminalText(`whoever came in by ${rule.rule_id} (${rule.name}) is refused now`, false));
}

/** Names are what somebody typed elsewhere: nothing in them moves the cursor here. */
function rolesText(roles: Grant[]): string {
  return roles.map(grantText).join(', ') || 'no role';
}

function keyStatus(
  { revoked_at, expires_at }: Pick<KeyView, 'revoked_at' | 'expires_at'>,
  now: number,
): string {
  if (revoked_at) return 'revoked';
  return Date.parse(expires_at) <= now ? 'expired' : `until ${expires_at.slice(0, 10)}`;
}
