export { DirectoryStore } from './directory-store.js';
export { checkKey, StoreProblem, type ObjectStore, type Source, type StoredObject } from './object-store.js';
export { openStore } from './open-store.js';
export { readStoreUrl, StoreUrlError } from './store-url.js';
export { bytesSource, fetchFile, fileSha256, fileSource } from './transfer.js';
