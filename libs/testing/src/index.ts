export { given } from './given.js';
export { goldenEvents } from './golden.js';
export { eventually } from './eventually.js';
export { breakableLine } from './broken-line.js';
export type { BrokenLine } from './broken-line.js';
export { bundleProgram } from './bundled-program.js';
export type { BundledProgram } from './bundled-program.js';
export { seededRandom, specSeed } from './seed.js';
