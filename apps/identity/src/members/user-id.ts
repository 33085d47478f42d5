import type { VouchedUser } from '@hybrid/contracts';
import { v5 as uuidV5 } from 'uuid';

/** Namespace of the ids that people turn into; never changed. */
const USER_NAMESPACE = '8f2d5a64-6a0e-4a3c-9f0b-1c7be1d1a2f9';

/** The same in every organisation: who somebody is is told by issuer and subject alone, never by name or address. */
export function userId({ issuer, subject }: Pick<VouchedUser, 'issuer' | 'subject'>): string {
  return uuidV5(JSON.stringify([issuer, subject]), USER_NAMESPACE);
}
