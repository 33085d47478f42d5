export { netZeroExample } from './example.js';
export type { CheckedRule } from './fits.js';
export type * from './net-zero.js';
export { netZeroSchema } from './net-zero.schema.js';
export { controlPlaneText, readNetZero } from './read-net-zero.js';
export { explainRoute, route, type Decision } from './route.js';
