export { openReader, openWriter } from './open.js';
export * from './queue-config.js';
export { queueReference } from './queue-reference.js';
export { queueSchema } from './queue.schema.js';
export * from './user-queue.js';
