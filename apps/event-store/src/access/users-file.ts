/** The users file: `{ "users": [{ "name": "app", "password_hash": "scrypt$…", "groups": ["$admins"] }] }`. */
import { readFileSync } from 'node:fs';
import { BadSettingError } from '../settings.js';
import { isPasswordHash } from './password-hash.js';
import type { Principal } from './stream-acl.js';

export interface User extends Principal {
  passwordHash: string;
}

/** Reads the users at start; a change of the file counts from the next start. Throws BadSettingError. */
export function readUsersFile(path: string): readonly User[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const message = `Cannot read the users file ${path}: ${reasonOf(cause)}. Check EVENT_STORE_USERS_FILE.`;
    throw new BadSettingError(message, { cause });
  }
  return parseUsers(text, path);
}

/** The users of a file's text; `path` is for the message. Throws BadSettingError. */
export function parseUsers(text: string, path: string): readonly User[] {
  const fail = (problem: string, cause?: unknown): never => {
    throw new BadSettingError(
      `The users file ${path} ${problem}. It must look like {"users":[{"name":"app","password_hash":"scrypt$…","groups":["$admins"]}]}.`,
      { cause },
    );
  };
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    return fail(`is no JSON: ${reasonOf(cause)}`, cause);
  }
  const list: unknown = isObject(content) ? content['users'] : undefined;
  if (!Array.isArray(list) || list.length === 0) return fail('names no users');
  const users = list.map((entry: unknown, index) => {
    const where = `users[${index}]`;
    const { name, password_hash, groups, ...others }: Record<string, unknown> = isObject(entry) ? entry : {};
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) return fail(`has an unknown property ${where}.${unknown}`);
    // A colon ends the name in what the client sends; $ begins the names of groups.
    if (typeof name !== 'string' || !/^[^:$][^:]*$/.test(name))
      return fail(`has no good ${where}.name (some text without a colon that does not begin with $)`);
    if (typeof password_hash !== 'string' || !isPasswordHash(password_hash))
      return fail(`has no good ${where}.password_hash (make one with \`node main.js hash-password\`)`);
    if (
      groups !== undefined &&
      !(Array.isArray(groups) && groups.every((group) => typeof group === 'string'))
    )
      return fail(`has no good ${where}.groups (a list of names)`);
    return { name, passwordHash: password_hash, groups: groups ?? [] };
  });
  const twice = users.find(({ name }, index) => users.findIndex((user) => user.name === name) !== index);
  if (twice) return fail(`names '${twice.name}' twice`);
  return users;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
