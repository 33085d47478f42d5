import { describe, expect, it } from '@jest/globals';
import { LaunchError } from './errors.js';
import { readSettings } from './settings.js';

describe('the settings', () => {
  it('run the example on 8080 with data in .data unless told', () =>
    expect(readSettings([], {})).toEqual({
      port: 8080,
      data: `${process.cwd()}/.data`,
      adminToken: undefined,
      pipeline: { kind: 'example' },
      once: false,
    }));

  it('take a repository relative to where the command was typed', () => {
    const { pipeline, once } = readSettings(['--once', '--repo', 'mine', '--file', 'p.yaml'], {
      INIT_CWD: '/srv',
    });
    expect([pipeline, once]).toEqual([
      { kind: 'repository', repository: '/srv/mine', file: '/srv/p.yaml' },
      true,
    ]);
  });

  it.each(['https://example.invalid/a.git', 'git@example.invalid:a.git'])(
    'leave the URL %s as it is',
    (url) =>
      expect(readSettings(['--repo', url], {}).pipeline).toEqual({ kind: 'repository', repository: url }),
  );

  it('run nothing with --no-example', () =>
    expect(readSettings(['--no-example'], { HYBRID_PORT: '0' })).toMatchObject({
      port: 0,
      pipeline: { kind: 'none' },
    }));

  it.each([
    ['HYBRID_PORT is "70000"', [], { HYBRID_PORT: '70000' }],
    ['HYBRID_PORT is "http"', [], { HYBRID_PORT: 'http' }],
    ['HYBRID_ADMIN_TOKEN must hold', [], { HYBRID_ADMIN_TOKEN: 'two words' }],
    ['--file needs --repo', ['--file', 'x'], {}],
    ['--once needs a pipeline', ['--once', '--no-example'], {}],
  ])('are refused: %s', (message, args, env) => {
    expect(() => readSettings(args, env as NodeJS.ProcessEnv)).toThrow(LaunchError);
    expect(() => readSettings(args, env as NodeJS.ProcessEnv)).toThrow(message);
  });
});
