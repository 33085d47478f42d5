export {
  checkRecipients,
  keyName,
  makeSealKey,
  readIdentities,
  recipientOf,
  RECIPIENTS_MAX,
  type SealKey,
} from './keys.js';
export { SealedLog, SealedReader, type OpenedLines, type StoredLine } from './open.js';
export { sealArtifact, SEALED_TYPE, type ArtifactHead } from './seal-artifact.js';
export { CHUNK_MAX, LogSealer, type LogOf } from './seal-log.js';
export { SealedError, type SealedFault } from './sealed-error.js';
