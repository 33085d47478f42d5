/** What the control plane knows the relay by, kept in its folder: the key that it signs with, its id and its API key. */
import type { RegisteredRelay, RegisterRelay } from '@hybrid/contracts';
import { newRelayKey } from '@hybrid/delivery';
import type { DataDirectory } from '@hybrid/steps';
import { SettingsError } from '../settings-error.js';

const KEY = 'relay-key.json';
const REGISTRATION = 'registration.json';
/** Written before the request, so that a repeat after a lost answer is the same registration. */
const REQUEST_KEY = 'registration-key';

export type RelayKey = ReturnType<typeof newRelayKey>;

export interface Registration extends Pick<RegisteredRelay, 'relay_id' | 'api_key'> {
  /** Where, for what, and with which key: with another it is another relay. */
  url: string;
  connection: string;
  public_key: string;
}

/** Makes it at the first start. Throws SettingsError where the file is damaged. */
export async function relayKey(data: DataDirectory): Promise<RelayKey> {
  const stored = await data.read(KEY);
  if (stored === undefined) {
    const key = newRelayKey();
    await data.write(KEY, JSON.stringify(key));
    return key;
  }
  const { kty, crv, x, d } = (parse(stored) ?? {}) as Partial<RelayKey>;
  if (kty === 'OKP' && crv === 'Ed25519' && x && d) return { kty, crv, x, d };
  throw new SettingsError(
    `${data.path}/${KEY} is damaged: restore it, or remove it and ${REGISTRATION} to register as another relay`,
  );
}

/** Nothing where there is none, or one for another control plane, connection or key. */
export async function storedRegistration(
  data: DataDirectory,
  now: Pick<Registration, 'url' | 'connection' | 'public_key'>,
): Promise<Registration | undefined> {
  const stored = parse((await data.read(REGISTRATION)) ?? '') as Registration | undefined;
  const same =
    stored?.relay_id &&
    stored.api_key &&
    stored.url === now.url &&
    stored.connection === now.connection &&
    stored.public_key === now.public_key;
  return same ? stored : undefined;
}

/** Keeps what was answered; the key of the request has done its part. */
export async function keepRegistration(data: DataDirectory, registration: Registration): Promise<void> {
  await data.write(REGISTRATION, JSON.stringify(registration));
  await data.remove(REQUEST_KEY);
}

/** The control plane does not know it any more. That it was registered once stays. */
export async function forgetRegistration(data: DataDirectory): Promise<void> {
  await data.write(REGISTRATION, '{}');
  await data.remove(REQUEST_KEY);
}

export async function wasRegistered(data: Pick<DataDirectory, 'read'>): Promise<boolean> {
  return (await data.read(REGISTRATION)) !== undefined;
}

/** The Idempotency-Key of this registration; the same until it is answered. */
export async function requestKey(data: DataDirectory, make: () => string): Promise<string> {
  const stored = await data.read(REQUEST_KEY);
  if (stored) return stored;
  const key = make();
  await data.write(REQUEST_KEY, key);
  return key;
}

export async function forgetRequestKey(data: DataDirectory): Promise<void> {
  await data.remove(REQUEST_KEY);
}

/** What stands in the request of a registration. */
export type Introduction = Omit<RegisterRelay, 'public_key'>;

function parse(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
