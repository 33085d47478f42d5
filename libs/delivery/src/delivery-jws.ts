/** A delivery as it stands on the customer's queue: a compact JWS by the relay that made it. */
import { DELIVERY_MAX_BYTES, type Delivery } from '@hybrid/contracts';
import { CompactSign, compactVerify, decodeProtectedHeader, errors, type JWK } from 'jose';
import { faultOf } from './shape.js';

/** Texts have types so that a text that was signed for something else is never taken for one of these. */
const TYPE = 'hybrid-delivery+jws';
const ALGORITHM = 'EdDSA';
const RELAY_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const HEADERS = ['alg', 'kid', 'typ'];

export type RefusalCode = 'not_a_delivery' | 'unknown_relay' | 'bad_signature' | 'too_large';

export interface DeliveryRefusal {
  code: RefusalCode;
  /** What is wrong, by names of fields; never what they hold. */
  message: string;
}

export type ReadDelivery =
  { delivery: Delivery; refusal?: never } | { delivery?: never; refusal: DeliveryRefusal };

/**
 * The text for the queue, signed with the relay's private key (an Ed25519 JWK).
 * Throws where it is no delivery, or above DELIVERY_MAX_BYTES.
 */
export async function signDelivery(delivery: Delivery, key: JWK): Promise<string> {
  const fault = faultOf(delivery);
  if (fault) throw new Error(`not a delivery: ${fault}`);
  const text = await new CompactSign(new TextEncoder().encode(JSON.stringify(delivery)))
    .setProtectedHeader({ alg: ALGORITHM, kid: delivery.relay_id, typ: TYPE })
    .sign(key);
  if (text.length > DELIVERY_MAX_BYTES)
    throw new Error(`the delivery takes ${text.length} bytes, more than ${DELIVERY_MAX_BYTES}`);
  return text;
}

/**
 * What a message on the queue says, once it is proven who wrote it. `publicKeyOf` answers the Ed25519 key that the relay
 * was registered with, or null; what it throws is thrown.
 */
export async function readDelivery(
  text: string,
  publicKeyOf: (relayId: string) => Promise<JWK | null>,
): Promise<ReadDelivery> {
  // Characters: a compact JWS has none that takes more than one byte, and one that does is none.
  if (text.length > DELIVERY_MAX_BYTES)
    return refuse('too_large', `the message has ${text.length} characters, more than ${DELIVERY_MAX_BYTES}`);
  const relayId = signerOf(text);
  if (relayId === null) return refuse('not_a_delivery', 'the message is no JWS of a relay');
  const key = await publicKeyOf(relayId);
  if (key === null)
    return refuse('unknown_relay', `no relay ${relayId} is registered here; register it anew`);
  const payload = await verifiedPayload(text, key);
  if (payload === null)
    return refuse(
      'bad_signature',
      `the signature is not that of relay ${relayId}, or the message was altered`,
    );
  const value = parse(payload);
  const fault = faultOf(value);
  if (fault) return refuse('not_a_delivery', `relay ${relayId} sent what is no delivery: ${fault}`);
  const delivery = value as Delivery;
  if (delivery.relay_id !== relayId)
    return refuse('not_a_delivery', `relay ${relayId} signed a delivery in another relay's name`);
  return { delivery };
}

/** Null unless the header is exactly that of a delivery: no other algorithm, no key within, nothing critical. */
function signerOf(text: string): string | null {
  try {
    const header = decodeProtectedHeader(text);
    const { alg, kid, typ } = header;
    if (Object.keys(header).some((key) => !HEADERS.includes(key))) return null;
    return alg === ALGORITHM && typ === TYPE && typeof kid === 'string' && RELAY_ID.test(kid) ? kid : null;
  } catch {
    return null;
  }
}

async function verifiedPayload(text: string, key: JWK): Promise<Uint8Array | null> {
  try {
    return (await compactVerify(text, key, { algorithms: [ALGORITHM] })).payload;
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWSInvalid)
      return null;
    throw new Error('the registered key of the relay cannot be used', { cause: error });
  }
}

function parse(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    return undefined;
  }
}

function refuse(code: RefusalCode, message: string): ReadDelivery {
  return { refusal: { code, message } };
}
