export {
  deliverySchema,
  MAX_PARTS,
  MAX_PATHS,
  REQUIRED_METADATA,
  WEBHOOK_MAX_BYTES,
  type FieldClass,
} from './delivery.schema.js';
export {
  readDelivery,
  signDelivery,
  type DeliveryRefusal,
  type ReadDelivery,
  type RefusalCode,
} from './delivery-jws.js';
export { deliveryId, digestsOf, DIGEST_KEY_MIN_BYTES, type Digests } from './digests.js';
export { METADATA_MAX_BYTES, withPathsThatFit } from './room.js';
export { newRelayKey, relayPublicKey } from './relay-key.js';
export { faultOf, metadataFieldFits } from './shape.js';
