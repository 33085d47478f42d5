import { describe, expect, it } from '@jest/globals';
import { isUrl } from './git-repository.js';
import { pipelineName } from './pipeline-definition.js';

describe('the name of a pipeline', () => {
  it.each([
    ['name: web\n', 'web'],
    ['# first\non: {}\nname: web # ours\nsteps:\n  - name: test\n', 'web'],
    ['name: "web"\n', 'web'],
    ["name : 'web'\r\n", 'web'],
  ])('%j gives %s', (definition, name) => expect(pipelineName(definition)).toBe(name));

  it.each(['', 'name:\n', 'steps:\n  - name: test\n', 'name: # none\n'])('%j gives none', (definition) =>
    expect(pipelineName(definition)).toBeUndefined(),
  );
});

describe('the address of a repository', () => {
  it.each([
    'https://example.invalid/a.git',
    'ssh://git@example.invalid/a',
    'git@example.invalid:a.git',
    'file:///srv/a',
  ])('%s is a URL', (address) => expect(isUrl(address)).toBe(true));
  it.each(['.', '/srv/a', '../a', 'a@b/c'])('%s is a path', (address) => expect(isUrl(address)).toBe(false));
});
