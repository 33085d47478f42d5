export { given } from './given.js';
export { eventually } from './eventually.js';
