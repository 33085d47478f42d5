import { describe, expect, it } from '@jest/globals';
import { readSecretRules, refusal } from './secret-rule.js';

describe('the rule of a secret', () => {
  const rules = readSecretRules({
    OPEN: 'env://OPEN',
    WEB: { from: 'env://WEB', pipelines: ['web', 'web-*'], refs: 'main' },
    GIVEN: { refs: ['release/*', 'v*.*.*'] },
    NOBODY: { pipelines: ['*x*y'] },
  });
  const asked = (name: string, pipeline?: string, ref?: string): string | undefined =>
    refusal(rules.get(name)!, { pipeline, ref });

  it('allows everything where it says nothing', () => {
    expect(asked('OPEN')).toBeUndefined();
  });

  it('wants pipeline and branch to fit', () => {
    expect(asked('WEB', 'web', 'main')).toBeUndefined();
    expect(asked('WEB', 'web-admin', 'main')).toBeUndefined();
    expect(asked('WEB', 'docs', 'main')).toBe('its rule "pipelines" allows web, web-*, and this is docs');
    expect(asked('WEB', 'web', 'topic')).toBe('its rule "refs" allows main, and this is topic');
    expect(asked('WEB', 'web')).toMatch(/this is a job without a branch or tag/);
    expect(asked('WEB')).toMatch(/this is a job without a pipeline/);
  });

  it('takes * for any characters, at any place', () => {
    for (const ref of ['release/', 'release/1/2', 'v1.2.3', 'v..'])
      expect(asked('GIVEN', 'p', ref)).toBeUndefined();
    for (const ref of ['release', 'my-release/1', 'v1.2', 'main'])
      expect(asked('GIVEN', 'p', ref)).toBeDefined();
    expect(asked('NOBODY', 'axbyy')).toBeUndefined();
    expect(asked('NOBODY', 'yx')).toBeDefined();
  });

  it.each([
    [{ A: 'hunter22' }, /^A: it must be a reference such as/],
    [{ 'a-b': 'env://A' }, /^a-b: a name has letters/],
    [{ A: 1 }, /^A: it must be a reference, or a map/],
    [{ A: { form: 'env://A' } }, /^A: there is no form, only from/],
    [{ A: { from: 'env://A', refs: [] } }, /^A: refs must be a list of names/],
    [{ A: { from: 'env://A', pipelines: [7] } }, /^A: pipelines must be a list of names/],
  ])('%j is refused, so that no wrong rule allows anything', (given, message) => {
    expect(() => readSecretRules(given)).toThrow(message);
  });
});
