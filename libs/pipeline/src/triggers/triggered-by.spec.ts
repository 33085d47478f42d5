import { describe, expect, it } from '@jest/globals';
import type { TriggerEvent } from '@hybrid/contracts';
import { readPipeline } from '../language/read-pipeline.js';
import { triggeredBy } from './triggered-by.js';

const event: TriggerEvent = {
  kind: 'push',
  repository: 'acme/web',
  clone_url: 'https://git.example/acme/web.git',
  branch: 'main',
  tag: null,
  commit: 'abcdef0123',
  pull_request: null,
  base_branch: null,
  fork: false,
  author: 'ada',
  paths: ['src/a.ts'],
};
const tag = { kind: 'tag', branch: null, tag: 'v1', paths: null } as const;
const pull = { kind: 'pull_request', branch: 'fix', base_branch: 'main', pull_request: 7 } as const;

function when(on: string, change: Partial<TriggerEvent> = {}) {
  const read = readPipeline(
    `name: web\non: ${on}\nsteps: [{ name: a, type: step.shell_exec, config: { commands: [make] } }]`,
  );
  if ('errors' in read) throw new Error(JSON.stringify(read.errors));
  return triggeredBy(read.definition, { ...event, ...change });
}

describe('a pipeline', () => {
  it.each<[string, Partial<TriggerEvent>, boolean, string]>([
    ['push', {}, true, 'branch main fits "all"'],
    ['manual', {}, false, 'its `on` names no push'],
    ['{push: {branches: [main, "release/*"]}}', {}, true, 'branch main fits "main, release/*"'],
    ['{push: {branches: [main]}}', { branch: 'fix' }, false, 'branch fix does not fit "main"'],
    ['{push: {branches: [main]}}', tag, false, 'tag v1 does not fit "!**"'],
    ['{push: {tags: ["v*"]}}', tag, true, 'tag v1 fits "v*"'],
    ['{push: {tags: ["v*"]}}', {}, false, 'branch main does not fit "!**"'],
    ['tag', tag, true, 'tag v1 fits "**"'],
    ['pull_request', tag, false, 'its `on` names no tags'],
    ['{push: {paths: ["src/**"]}}', {}, true, 'src/a.ts fits "src/**"'],
    ['{push: {paths: ["docs/**"]}}', {}, false, 'none of 1 changed files fits "docs/**"'],
    ['{push: {paths: ["!src/**"]}}', {}, false, 'none of 1 changed files fits "!src/**"'],
    ['{push: {paths: ["docs/**"]}}', { paths: null }, true, 'the changed files are not known'],
    ['{pull_request: {branches: [main]}}', pull, true, 'base branch main fits "main"'],
    ['{pull_request: {branches: [next]}}', pull, false, 'base branch main does not fit "next"'],
    ['{pull_request: {paths: ["docs/**"]}}', pull, false, 'none of 1 changed files'],
    ['push', pull, false, 'its `on` names no pull_request'],
    ['push', { commit: null }, false, 'the branch is gone'],
    ['push', { commit: '0'.repeat(40) }, false, 'the branch is gone'],
    ['tag', { ...tag, commit: null }, false, 'the tag is gone'],
    ['push', { branch: null }, false, 'the event names no branch'],
    ['{push: {}, manual: {inputs: {v: {type: string, required: true}}}}', {}, false, 'it needs `v`'],
    ['{push: {}, manual: {inputs: {v: {type: string, default: x}}}}', {}, true, 'fits'],
  ])('on %s, at %j: %s', (on, change, fires, why) => {
    const decided = when(on, change);
    expect(decided).toEqual({ fires, why: expect.stringContaining(why) as unknown });
  });

  it('is asked for no longer than others can wait, and runs where that does not suffice for all files', () => {
    const costly = Array.from({ length: 20 }, (_, nth) => `"${'{*,a*}'.repeat(5)}${'*a'.repeat(80)}${nth}"`);
    const paths = Array.from({ length: 70 }, () => 'a'.repeat(480));
    expect(when(`{push: {paths: [${costly.join()}]}}`, { paths })).toMatchObject({
      fires: true,
      why: expect.stringContaining('too many changed files to look at all') as unknown,
    });
    const branch = 'a'.repeat(250);
    expect(when(`{push: {branches: [${costly.join()}]}}`, { branch })).toMatchObject({
      fires: false,
      why: expect.stringContaining('too much work for one branch') as unknown,
    });
  });
});
