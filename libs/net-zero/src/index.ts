export type * from './net-zero.js';
