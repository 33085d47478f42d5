/** Sign-ins that are under way, in the NATS bucket LOGINS: for ten minutes, and for one use. */
import type { NatsConnection } from '@nats-io/transport-node';
import { hash, randomBytes } from 'node:crypto';
import { newSecretToken, type SecretToken } from '../identity/secret-token.js';
import { Bucket } from './bucket.js';
import { userCodeOf } from './user-code.js';

export const LOGIN_SECONDS = 600;
const MAX_BYTES = 64 * 1024 * 1024;

/** A browser that was sent to a provider. */
export interface Attempt {
  provider: string;
  /** Under which origin, which the way back must be under, too. */
  origin: string;
  /** Of the installation's keys: the one from which the attempt's secrets are derived. */
  key: string;
  return_to: string;
  organisation?: string | undefined;
  invitation?: { invitation_id: string; sha256: string } | undefined;
}

/** A device that shows a code and waits for somebody to say yes (RFC 8628). */
export interface DeviceLogin {
  /** Of the device's code. */
  sha256: string;
  /** As the device calls itself. */
  device: string | null;
  address: string;
  expires_at: string;
  polled_at?: number;
  answer?: { kind: 'denied' } | { kind: 'approved'; user_id: string; org: string; provider: string };
}

export class Logins {
  private constructor(private readonly bucket: Bucket) {}

  static async open(nats: NatsConnection): Promise<Logins> {
    return new Logins(
      await Bucket.open(nats, { name: 'LOGINS', ttlSeconds: LOGIN_SECONDS, maxBytes: MAX_BYTES }),
    );
  }

  /**
   * `secret` is for a cookie of the browser alone; `state` is its SHA-256 and travels with the browser to the provider
   * and back. So whoever comes back with the state must have the cookie, and nobody learns one from the other.
   */
  async begin(attempt: Attempt): Promise<{ secret: string; state: string }> {
    const secret = randomBytes(32).toString('base64url');
    const state = stateOf(secret);
    await this.bucket.create(`attempt.${state}`, attempt);
    return { secret, state };
  }

  /** Of these that come back at once, one gets it. Null for all others, and for what is over. */
  async take(secret: string): Promise<Attempt | null> {
    const key = `attempt.${stateOf(secret)}`;
    const found = await this.bucket.get<Attempt>(key);
    return found && (await this.bucket.remove(key, found.revision)) ? found.value : null;
  }

  /** False if it was used before. Kept for as long as a token is taken after it was made. */
  useOnce(idToken: string): Promise<boolean> {
    return this.bucket.create(`id-token.${hash('sha256', idToken, 'hex')}`, {});
  }

  /** The code that people type follows from the device's, so that one entry is found by either. */
  async beginDevice(
    device: Pick<DeviceLogin, 'device' | 'address'>,
  ): Promise<{ deviceCode: string; userCode: string }> {
    for (;;) {
      const { token, sha256 } = newSecretToken('device');
      const userCode = userCodeOf(sha256);
      const expires_at = new Date(Date.now() + LOGIN_SECONDS * 1000).toISOString();
      const made = await this.bucket.create(`device.${userCode}`, { ...device, sha256, expires_at });
      if (made) return { deviceCode: token, userCode };
    }
  }

  async device(userCode: string): Promise<{ login: DeviceLogin; revision: number } | null> {
    const found = await this.bucket.get<DeviceLogin>(`device.${userCode}`);
    return found && Date.parse(found.value.expires_at) > Date.now()
      ? { login: found.value, revision: found.revision }
      : null;
  }

  async deviceOf({ sha256 }: SecretToken): Promise<{ login: DeviceLogin; revision: number } | null> {
    const found = await this.device(userCodeOf(sha256));
    return found?.login.sha256 === sha256 ? found : null;
  }

  /** False where it has changed since `revision`. */
  changeDevice(login: DeviceLogin, revision: number): Promise<boolean> {
    return this.bucket.replace(`device.${userCodeOf(login.sha256)}`, login, revision);
  }

  /** False where somebody else has taken it. */
  takeDevice({ sha256 }: DeviceLogin, revision: number): Promise<boolean> {
    return this.bucket.remove(`device.${userCodeOf(sha256)}`, revision);
  }

  /** How many wrong codes this person has typed within ten minutes of each other. */
  async wrongCodes(userId: string): Promise<number> {
    return (await this.bucket.get<number>(`guesses.${userId}`))?.value ?? 0;
  }

  /** Of guesses at the same moment none goes uncounted. */
  async countWrongCode(userId: string): Promise<void> {
    const key = `guesses.${userId}`;
    for (;;) {
      const known = await this.bucket.get<number>(key);
      const counted = known
        ? await this.bucket.replace(key, known.value + 1, known.revision)
        : await this.bucket.create(key, 1);
      if (counted) return;
    }
  }
}

export function stateOf(secret: string): string {
  return hash('sha256', secret, 'base64url');
}
