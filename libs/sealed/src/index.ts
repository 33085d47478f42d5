export { checkRecipients, keyName, makeSealKey, readIdentities, recipientOf, type SealKey } from './keys.js';
export { SealedLog, SealedReader, type StoredLine } from './open.js';
export { sealArtifact, SEALED_TYPE, type ArtifactHead } from './seal-artifact.js';
export { LogSealer, type LogOf } from './seal-log.js';
export { SealedError } from './sealed-error.js';
