import { describe, expect, it } from '@jest/globals';
import { insideWorkspace } from './workspace-path.js';

describe('workspace path', () => {
  it.each([
    ['dist', '/workspace', 'dist'],
    ['./dist/', '/workspace', 'dist'],
    ['/workspace/dist/app', '/workspace', 'dist/app'],
    ['/workspace', '/workspace', '.'],
    ['.', '/workspace', '.'],
    ['a/../b', '/workspace', 'b'],
    ['/srv/app/out', '/srv/app/', 'out'],
    ['/anything', '/', 'anything'],
  ])('%s in %s is %s', (path, workDir, relative) => {
    expect(insideWorkspace(path, workDir)).toBe(relative);
  });

  it.each(['..', '../x', 'a/../../x', '/etc/passwd', '/workspacex', '/workspace/../etc', 'a\0b'])(
    'refuses %j',
    (path) => {
      expect(() => insideWorkspace(path, '/workspace')).toThrow(/workspace|NUL/);
    },
  );
});
