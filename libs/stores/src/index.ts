export { DirectoryStore } from './directory-store.js';
export {
  checkKey,
  StoreProblem,
  type ObjectStore,
  type Range,
  type Source,
  type StoredObject,
  type StoreFault,
} from './object-store.js';
export { openStore } from './open-store.js';
export { locationOf, readStoreUrl, StoreUrlError, type StorePlace } from './store-url.js';
export { bytesSource, fetchFile, fileSha256, fileSource } from './transfer.js';
