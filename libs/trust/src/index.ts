export { checkJob, type Vouched } from './check-job.js';
export { newSigningKey, publicKeyOf, readSigningKey, type SigningKey } from './key-pair.js';
export { checkNoRollback, type Seen } from './latest.js';
export { definitionDigest, Distrusted, sign } from './statement.js';
export { readTrustedKeys, SIGNED, type Signed } from './trusted-keys.js';
