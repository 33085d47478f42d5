export { fold, isRejection, reject } from './decider.js';
export type { Decider, Fact, Rejection } from './decider.js';
export { downcast, understand, understoodTypes } from './event-types.js';
export type { EventTypes } from './event-types.js';
