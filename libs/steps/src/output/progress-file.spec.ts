import { describe, expect, it } from '@jest/globals';
import { parseProgress } from './progress-file.js';

describe('progress file', () => {
  it.each([
    ['', undefined],
    ['\n \n', undefined],
    ['10 begin\n42 compiling the rest\n', { percent: 42, message: 'compiling the rest' }],
    ['7', { percent: 7 }],
    ['99.5 %', { percent: 99.5 }],
    ['100% done', { percent: 100, message: 'done' }],
    ['101 dalmatians', { message: '101 dalmatians' }],
    ['3rd pass', { message: '3rd pass' }],
    ['linking\r\n', { message: 'linking' }],
  ])('%j says %j', (text, progress) => {
    expect(parseProgress(text)).toEqual(progress);
  });
});
