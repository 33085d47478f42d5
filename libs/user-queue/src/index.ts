export * from './queue-config.js';
export * from './user-queue.js';
