/** The customer's keys, in the formats of age: whoever has the identity reads what was sealed for its recipient. */
import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { SealedError } from './sealed-error.js';

/** Of X25519: 32 bytes in bech32. */
const RECIPIENT = /^age1[02-9ac-hj-np-z]{58}$/;
const IDENTITY = /^AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$/;
/** Each makes every chunk about 130 characters longer. */
const RECIPIENTS_MAX = 10;

export interface SealKey {
  /** `AGE-SECRET-KEY-1…`: opens. */
  identity: string;
  /** `age1…`: seals. */
  recipient: string;
  /** What the control plane is told of it. */
  name: string;
}

export async function makeSealKey(): Promise<SealKey> {
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  return { identity, recipient, name: await keyName(recipient) };
}

/**
 * 16 hexadecimal digits. The control plane gets this, never the recipient: who does not know the recipient can make up
 * nothing that its identity opens.
 */
export async function keyName(recipient: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(recipient));
  return Array.from(new Uint8Array(digest, 0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Throws SealedError `bad-key` for what is none. */
export function checkRecipients(recipients: readonly string[]): void {
  if (recipients.length > RECIPIENTS_MAX)
    throw new SealedError('bad-key', `there are more than ${RECIPIENTS_MAX} recipients`);
  for (const recipient of recipients) {
    const wrong = new SealedError(
      'bad-key',
      `${JSON.stringify(recipient)} is no recipient: it must be age1… and 58 more characters, as hybrid seal-key create prints it`,
    );
    if (!RECIPIENT.test(recipient)) throw wrong;
    try {
      new Encrypter().addRecipient(recipient);
    } catch {
      throw wrong;
    }
  }
}

/** Identities in a key file of `hybrid seal-key create` or `age-keygen`. Throws SealedError `bad-key`, which names no key. */
export function readIdentities(file: string): string[] {
  const lines = file.split('\n').map((line) => line.trim());
  const identities = lines.filter((line) => line !== '' && !line.startsWith('#'));
  if (identities.length === 0) throw new SealedError('bad-key', 'there is no key in it');
  for (const identity of identities) {
    try {
      if (!IDENTITY.test(identity)) throw new Error('its form is another');
      new Decrypter().addIdentity(identity);
    } catch {
      throw new SealedError('bad-key', 'it holds a line that is no AGE-SECRET-KEY-1…');
    }
  }
  return identities;
}

export async function recipientOf(identity: string): Promise<string> {
  return identityToRecipient(identity);
}
