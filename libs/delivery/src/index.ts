export {
  deliverySchema,
  MAX_PARTS,
  MAX_PATHS,
  REQUIRED_METADATA,
  WEBHOOK_MAX_BYTES,
} from './delivery.schema.js';
export { readDelivery, signDelivery } from './delivery-jws.js';
export { deliveryId, digestsOf, DIGEST_KEY_MIN_BYTES } from './digests.js';
export { METADATA_MAX_BYTES, withPathsThatFit } from './room.js';
export { newRelayKey, relayPublicKey } from './relay-key.js';
export { faultOf, metadataFieldFits } from './shape.js';
