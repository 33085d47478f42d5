export { callBy, startPlatform } from './platform.js';
export type { Platform } from './platform.js';
