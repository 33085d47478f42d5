export { checkJob, type Trust, type Vouched } from './check-job.js';
export { newSigningKey, publicKeyOf, readSigningKey, type SigningKey } from './key-pair.js';
export { checkNoRollback, type Seen } from './latest.js';
export {
  definitionDigest,
  Distrusted,
  sign,
  verify,
  type ApprovalStatement,
  type PipelineStatement,
} from './statement.js';
export {
  readTrustedKeys,
  SIGNED,
  TrustedKeysError,
  type Signed,
  type TrustedKey,
  type TrustedKeys,
} from './trusted-keys.js';
