/**
 * Who is signed in, in the NATS bucket SESSIONS. `session.<session id>` holds the session, `user.<user id>.<session id>`
 * finds those of one person. Read at every request and remembered by nobody, so that a session ends at once everywhere.
 */
import { problem, type ProblemError } from '@hybrid/contracts';
import type { NatsConnection } from '@nats-io/transport-node';
import { timingSafeEqual } from 'node:crypto';
import { newSecretToken, type SecretToken } from '../identity/secret-token.js';
import { Bucket } from './bucket.js';

/** A session takes half a kilobyte. */
const MAX_BYTES = 256 * 1024 * 1024;

export interface Session {
  /** The first half of the token's SHA-256: what it is called where the secret must not be. */
  session_id: string;
  /** Of the token, hex. */
  sha256: string;
  user_id: string;
  org: string;
  provider: string;
  created_at: string;
  expires_at: string;
  device: string | null;
  /** Where it was begun. */
  address: string;
}

export type NewSession = Pick<Session, 'user_id' | 'org' | 'provider' | 'device' | 'address'>;

export class Sessions {
  private constructor(
    private readonly bucket: Bucket,
    private readonly ttlSeconds: number,
  ) {}

  static async open(nats: NatsConnection, ttlSeconds: number): Promise<Sessions> {
    return new Sessions(
      await Bucket.open(nats, { name: 'SESSIONS', ttlSeconds, maxBytes: MAX_BYTES }),
      ttlSeconds,
    );
  }

  /** A session with a token of its own, always a new one; it is there once `keep` was called. */
  make(session: NewSession): { session: Session; token: string } {
    const { token, id, sha256 } = newSecretToken('session');
    const now = Date.now();
    return {
      token,
      session: {
        ...session,
        session_id: id,
        sha256,
        created_at: new Date(now).toISOString(),
        expires_at: new Date(now + this.ttlSeconds * 1000).toISOString(),
      },
    };
  }

  /** In the list first: no session is open that its owner does not see. */
  async keep(session: Session): Promise<void> {
    await this.bucket.create(`user.${session.user_id}.${session.session_id}`, {});
    await this.bucket.create(`session.${session.session_id}`, session);
  }

  /** Null for one that was never there, has ended, or is over. */
  async find({ id, sha256 }: Pick<SecretToken, 'id' | 'sha256'>): Promise<Session | null> {
    const session = await this.get(id);
    return session && timingSafeEqual(Buffer.from(session.sha256), Buffer.from(sha256)) ? session : null;
  }

  /** By its id, without the secret: for who may end it. */
  async get(sessionId: string): Promise<Session | null> {
    if (!/^[0-9a-f]{32}$/.test(sessionId)) return null;
    const found = await this.bucket.get<Session>(`session.${sessionId}`);
    return found && Date.parse(found.value.expires_at) > Date.now() ? found.value : null;
  }

  /** Of one person in one organisation, the newest first. */
  async list(userId: string, org: string): Promise<Session[]> {
    if (!/^[0-9a-f-]{36}$/.test(userId)) return [];
    const keys = await this.bucket.keys(`user.${userId}.*`);
    const sessions = await Promise.all(keys.map((key) => this.get(key.slice(key.lastIndexOf('.') + 1))));
    return sessions
      .filter((session) => session !== null)
      .filter((session) => session.org === org)
      .sort((one, other) => (one.created_at < other.created_at ? 1 : -1));
  }

  async end({ session_id, user_id }: Session): Promise<void> {
    await this.bucket.remove(`session.${session_id}`);
    await this.bucket.remove(`user.${user_id}.${session_id}`);
  }
}

/** What is wrong with a token that opens no session: one with our checksum was a session once, other text is a guess. */
export function noSession(isOneOfOurs: boolean): ProblemError {
  return isOneOfOurs
    ? problem('unauthenticated', 'session_over', 'this session has ended: sign in again')
    : problem('unauthenticated', 'unauthenticated', 'this is no session of this gateway');
}
