/**
 * Who may do what to a stream, decided as EventStoreDB does. Pure.
 *
 * Each right is looked up by itself: in the `$acl` of the stream's metadata, else in the stored settings
 * (`$userStreamAcl`, or `$systemStreamAcl` for names that begin with `$`), else everybody with credentials has it on
 * user streams and only `$admins` on system streams, `$all` among them. Admins have every right; the group `$ops` has
 * none on streams.
 */
import { originalOf } from '../store/stream-limits.js';

const ADMINS = '$admins';
const OPERATORS = '$ops';
/** In an ACL: everybody who has credentials. */
const EVERYBODY = '$all';

/** Somebody whose password was right. */
export interface Principal {
  name: string;
  groups: readonly string[];
}

export type StreamAction = 'read' | 'write' | 'delete';
const RIGHTS = ['$r', '$w', '$d', '$mr', '$mw'] as const;
type Right = (typeof RIGHTS)[number];

/** For each right the names and groups that have it; a right left out is decided elsewhere. */
export type StreamAcl = Partial<Record<Right, readonly string[]>>;

/** What a stream's metadata says; it may name the default of user streams or that of system streams. */
export type ChosenAcl = StreamAcl | '$userStreamAcl' | '$systemStreamAcl';

/** The data of the last event in `$settings`. */
export interface SystemSettings {
  userStreams?: StreamAcl | undefined;
  systemStreams?: StreamAcl | undefined;
}

export function isAdmin({ groups }: Principal): boolean {
  return groups.includes(ADMINS);
}

/** Whether `who` may manage persistent subscriptions. */
export function isOperator({ groups }: Principal): boolean {
  return groups.includes(ADMINS) || groups.includes(OPERATORS);
}

/** The stream whose metadata and settings decide about `stream`: for a metadata stream the one it describes. */
export function governedStream(stream: string): string {
  return originalOf(stream) ?? stream;
}

/** Whether `who` may do it. `acl` is that of `governedStream(stream)`. */
export function mayDo(
  who: Principal,
  action: StreamAction,
  stream: string,
  acl: ChosenAcl | undefined,
  settings: SystemSettings,
): boolean {
  if (stream === '$all' && action !== 'read') return false;
  const right = rightFor(action, stream);
  if (right === undefined) return false;
  if (isAdmin(who)) return true;
  const chosen = typeof acl === 'string' ? acl : undefined;
  const isSystem = chosen ? chosen === '$systemStreamAcl' : governedStream(stream).startsWith('$');
  const roles =
    (typeof acl === 'string' ? undefined : acl?.[right]) ??
    (isSystem ? settings.systemStreams : settings.userStreams)?.[right] ??
    (isSystem ? [ADMINS] : [EVERYBODY]);
  return roles.some((role) => role === EVERYBODY || role === who.name || who.groups.includes(role));
}

/** Reads `$acl` from the data of a `$metadata` event; one that is not understood leaves the rights to the admins. */
export function parseAcl(metadata: Uint8Array): ChosenAcl | undefined {
  const acl = parseObject(metadata)['$acl'];
  return acl === '$userStreamAcl' || acl === '$systemStreamAcl' ? acl : aclOf(acl);
}

/** Reads the data of an event in `$settings`. */
export function parseSettings(data: Uint8Array): SystemSettings {
  const settings = parseObject(data);
  return {
    userStreams: aclOf(settings['$userStreamAcl']),
    systemStreams: aclOf(settings['$systemStreamAcl']),
  };
}

/** Metadata cannot be deleted, only replaced: nothing stands for that. */
function rightFor(action: StreamAction, stream: string): Right | undefined {
  const ofMetadata = originalOf(stream) !== undefined;
  switch (action) {
    case 'read':
      return ofMetadata ? '$mr' : '$r';
    case 'write':
      return ofMetadata ? '$mw' : '$w';
    case 'delete':
      return ofMetadata ? undefined : '$d';
  }
}

function aclOf(value: unknown): StreamAcl | undefined {
  if (value === undefined || value === null) return undefined;
  const isObject = typeof value === 'object' && !Array.isArray(value);
  const acl: StreamAcl = {};
  for (const right of RIGHTS) {
    const roles = isObject ? rolesOf((value as Record<string, unknown>)[right]) : [];
    if (roles) acl[right] = roles;
  }
  return acl;
}

function rolesOf(value: unknown): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  const roles: unknown[] = Array.isArray(value) ? value : [value];
  return roles.filter((role) => typeof role === 'string');
}

function parseObject(data: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(data).toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
