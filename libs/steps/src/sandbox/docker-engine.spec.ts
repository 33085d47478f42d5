import { describe, expect, it } from '@jest/globals';
import Docker from 'dockerode';
import { DockerProblem, imageNamed } from './docker-engine.js';

describe('an image by its name', () => {
  const engine = new Docker({ socketPath: '/nowhere' });

  it.each([
    'node',
    'node:20-alpine',
    'my_app',
    'team/app:1.2',
    'localhost:5000/team/app:Latest',
    'Registry.example.com/a/b/c__d--e.f@sha256:' + 'a'.repeat(64),
    'ghcr.io/o/a:v1@sha256:' + '0'.repeat(64),
    'sha256:' + 'f'.repeat(64),
  ])('is found: %s', (name) => {
    expect(imageNamed(engine, name)).toMatchObject({ name });
  });

  it.each([
    '',
    '../containers/some/kill?signal=KILL&',
    'a/../../containers/x',
    'a/..',
    'a//b',
    'a?b',
    'a#b',
    'a b',
    'a%2f..',
    'Upper/Case/Path',
    'a\n',
    '-a',
  ])('is refused before the engine is asked: %j', (name) => {
    expect(() => imageNamed(engine, name)).toThrow(DockerProblem);
  });
});
