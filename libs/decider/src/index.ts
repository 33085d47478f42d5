export { fold, isRejection, reject } from './decider.js';
export type { Decider, Fact, Rejection, RejectionKind } from './decider.js';
