export { given } from './given.js';
export { goldenEvents } from './golden.js';
export { eventually } from './eventually.js';
