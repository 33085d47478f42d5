import { describe, expect, it } from '@jest/globals';
import { Annotations } from './annotations.js';

describe('annotations', () => {
  it('are read from the output', () => {
    const annotations = new Annotations('/workspace');
    for (const line of [
      'compiling a::b',
      '::error file=/workspace/src/a.ts,line=3,col=7,title=Types::it is a number%0Anot a text',
      '::warning file=./b.ts,line=x::slow',
      '::notice file=./::done',
      '::group::not one',
      '::error::',
    ])
      annotations.see(line);
    expect(annotations.list).toEqual([
      {
        level: 'error',
        title: 'Types',
        file: 'src/a.ts',
        line: 3,
        column: 7,
        message: 'it is a number\nnot a text',
      },
      { level: 'warning', file: 'b.ts', message: 'slow' },
      { level: 'notice', message: 'done' },
    ]);
  });

  it('are shortened, and so many', () => {
    const annotations = new Annotations('/workspace');
    for (let n = 0; n < 130; n++)
      annotations.see(`::error file=${'f'.repeat(900)},title=${'t'.repeat(300)}::${'m'.repeat(3000)}`);
    const [{ file, title, message } = { message: '' }] = annotations.list;
    expect([file?.length, title?.length, message.length]).toEqual([500, 200, 2000]);
    expect([annotations.list.length, annotations.left]).toEqual([100, 30]);
  });
});
