/**
 * Finds out who calls, from the `authorization` header. A password that was right is remembered, by a keyed digest, so
 * that its slow hash is computed once. Passwords are checked one after the other: a flood of wrong ones must not take
 * the threads that sync the disk.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { NotAuthenticatedError } from './access-errors.js';
import { verifyPassword } from './password-hash.js';
import type { Principal } from './stream-acl.js';
import type { User } from './users-file.js';

/** Far more than there are users; only right passwords get in, so it cannot be filled from outside. */
const MAX_REMEMBERED = 1000;
/** Checks that may wait for their turn. Beyond it a call is refused at once. */
const MAX_WAITING = 200;

export class Authenticator {
  private readonly users: ReadonlyMap<string, User>;
  private readonly remembered = new Map<string, Promise<Principal>>();
  private readonly anyHash: string;
  private readonly key = randomBytes(32);
  private turn: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  /** At least one user. */
  constructor(users: readonly User[]) {
    this.users = new Map(users.map((user) => [user.name, user]));
    this.anyHash = users[0]?.passwordHash ?? '';
  }

  /** Who sent this header; rejects with NotAuthenticatedError. */
  authenticate(header: string | undefined): Promise<Principal> {
    if (header === undefined)
      return Promise.reject(new NotAuthenticatedError('The call came without credentials.'));
    const digest = createHmac('sha256', this.key).update(header).digest('base64');
    const known = this.remembered.get(digest);
    if (known) return known;
    if (this.waiting >= MAX_WAITING)
      return Promise.reject(
        new NotAuthenticatedError('Too many credentials wait to be checked; retry later.'),
      );
    const checked = this.inTurn(() => this.check(header));
    // Calls that come with the same credentials meanwhile share the check.
    this.remembered.set(digest, checked);
    checked.catch(() => this.remembered.delete(digest));
    if (this.remembered.size > MAX_REMEMBERED)
      for (const oldest of this.remembered.keys()) {
        this.remembered.delete(oldest);
        break;
      }
    return checked;
  }

  private async check(header: string): Promise<Principal> {
    const [, encoded = ''] = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(header.trim()) ?? [];
    const [, name = '', password = ''] =
      /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? [];
    const user = this.users.get(name);
    // An unknown name takes as long as a wrong password, and gets the same words.
    const matches = await verifyPassword(password, user?.passwordHash ?? this.anyHash);
    if (!user || !matches) throw new NotAuthenticatedError('The name or the password is wrong.');
    return { name, groups: user.groups };
  }

  private inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    this.waiting++;
    const result = this.turn.then(work).finally(() => this.waiting--);
    this.turn = result.catch(() => undefined);
    return result;
  }
}
