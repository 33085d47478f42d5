import { describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StepProblem } from '../step.js';
import { SecretProblem } from './secret-problem.js';
import { readSecretRules } from './secret-rule.js';
import { SecretStore, type SecretProvider } from './secret-store.js';
import { Secrets } from './secrets.js';
import { secretProviders } from './providers/providers.js';

const never = new AbortController().signal;

function storeOf(
  rules: Record<string, unknown>,
  vault?: SecretProvider,
): { store: SecretStore; heard: string[] } {
  const heard: string[] = [];
  const providers = secretProviders(undefined, () => undefined);
  const store = new SecretStore({
    given: new Secrets(new Map([['GIVEN', 'of the file']])),
    rules: readSecretRules(rules),
    providers: { ...providers, ...(vault && { vault }) },
    onValue: (value) => heard.push(value),
  });
  return { store, heard };
}

const echo = (...names: string[]): unknown => ({
  env: { X: names.map((name) => `{{.Secrets.${name}}}`).join(' "') },
});

describe('the secrets of an agent', () => {
  it('a step gets what it names, and nothing else', async () => {
    process.env['SPEC_TOKEN'] = 'of the environment';
    const { store, heard } = storeOf({ TOKEN: 'env://SPEC_TOKEN', OTHER: 'env://SPEC_TOKEN' });
    const secrets = await store.forStep(echo('GIVEN', 'TOKEN'), {}, never);
    delete process.env['SPEC_TOKEN'];
    expect(secrets.resolve('{{.Secrets.GIVEN}}, {{ .Secrets.TOKEN }}')).toBe(
      'of the file, of the environment',
    );
    expect(() => secrets.resolve('{{.Secrets.OTHER}}')).toThrow(/OTHER is not known/);
    expect(heard).toEqual(['of the file', 'of the environment']);
    expect((await store.forStep(echo(), {}, never)).values()).toEqual([]);
  });

  it('a step whose commits come from a fork gets none, whatever the rules say', async () => {
    const { store, heard } = storeOf({ TOKEN: { from: 'env://SPEC_TOKEN', pipelines: ['web'] } });
    heard.length = 0;
    const asker = { pipeline: 'web', untrusted: true };
    await expect(store.forStep(echo('TOKEN'), asker, never)).rejects.toThrow(
      'the secret TOKEN is not for this step: its commits come from a fork, and such steps get no secrets',
    );
    expect(heard).toEqual([]);
  });

  it('a step that its rule does not allow is told the rule, never the value', async () => {
    const { store } = storeOf({ GIVEN: { pipelines: ['web'] } });
    await expect(store.forStep(echo('GIVEN'), { pipeline: 'docs' }, never)).rejects.toThrow(
      'the secret GIVEN is not for this step: its rule "pipelines" allows web, and this is docs (secrets in the agent\'s settings)',
    );
    expect((await store.forStep(echo('GIVEN'), { pipeline: 'web' }, never)).values()).toEqual([
      'of the file',
    ]);
  });

  it('a step gets what is bound to a branch only where its commit is proven to be on it', async () => {
    let asked = 0;
    const { store } = storeOf({ TOKEN: { from: 'vault://a/b#c', refs: 'main' } }, async () => {
      asked++;
      return 'value';
    });
    const asker = { pipeline: 'web', ref: 'main' };
    const refused =
      'the secret TOKEN is not for this step: its rule "refs" asks for the branch, and c0ffee is not on main';
    const proveRef = () => Promise.reject(new StepProblem('c0ffee is not on main'));
    await expect(store.forStep(echo('TOKEN'), { ...asker, proveRef }, never)).rejects.toThrow(refused);
    await expect(store.forStep(echo('TOKEN'), asker, never)).rejects.toThrow(/nobody can tell/);
    expect(asked).toBe(0);
    expect((await store.forStep(echo('GIVEN'), { ...asker, proveRef }, never)).values()).toHaveLength(1);
    const proven = { ...asker, proveRef: async () => undefined };
    expect((await store.forStep(echo('TOKEN'), proven, never)).values()).toEqual(['value']);
  });

  it('asks once for what several steps want at a time, and again after a failure', async () => {
    let asked = 0;
    const { store } = storeOf({ A: 'vault://a/b#c', B: 'vault://a/b#c' }, async () => {
      if (++asked === 1) throw new SecretProblem('it is not there', false);
      return 'value';
    });
    await expect(store.get('A', never)).rejects.toThrow(
      'the secret A cannot be had from vault://a/b#c: it is not there',
    );
    await Promise.all([store.forStep(echo('A', 'B'), {}, never), store.forStep(echo('B'), {}, never)]);
    await store.get('B', never);
    expect(asked).toBe(2);
  });

  it('tries again what may pass', async () => {
    let asked = 0;
    const { store, heard } = storeOf({ A: 'vault://a/b#c' }, async () => {
      if (++asked === 1) throw new SecretProblem('sealed', true);
      return 'value';
    });
    expect(await store.get('A', never)).toBe('value');
    expect(heard).toContain('value');
  });

  it('a step that is ended does not wait, and does not end the wait of another', async () => {
    let answer: (value: string) => void = () => undefined;
    const { store } = storeOf({ A: 'vault://a/b#c' }, () => new Promise((resolve) => (answer = resolve)));
    const control = new AbortController();
    const first = store.get('A', control.signal);
    const second = store.get('A', never);
    control.abort(new Error('cancelled'));
    await expect(first).rejects.toThrow('cancelled');
    answer('value');
    expect(await second).toBe('value');
  });

  it('files lose the line break at their end, and may be JSON', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hybrid-secret-store-'));
    try {
      await writeFile(join(folder, 'plain'), 'line one\nline two\n');
      await writeFile(join(folder, 'json'), '{"a":"1","n":2,"o":{}}');
      const { store } = storeOf({
        PLAIN: `file://${folder}/plain`,
        KEY: `file://${folder}/json#a`,
        NUMBER: `file://${folder}/json#n`,
        OBJECT: `file://${folder}/json#o`,
        NONE: `file://${folder}/json#toString`,
        TEXT: `file://${folder}/plain#a`,
        GONE: `file://${folder}/gone`,
        UNSET: 'env://SPEC_UNSET',
        VAULT: 'vault://secret/data/ci#a',
      });
      expect(await store.get('PLAIN', never)).toBe('line one\nline two');
      expect(await store.get('KEY', never)).toBe('1');
      expect(await store.get('NUMBER', never)).toBe('2');
      const reasons: Record<string, RegExp> = {
        OBJECT: /the value of o is not a text/,
        NONE: /there is no key toString/,
        TEXT: /is not JSON, so that it has no key a$/,
        GONE: /ENOENT/,
        UNSET: /the variable SPEC_UNSET is not set/,
        VAULT: /no Vault is set: give the setting vault, or VAULT_ADDR/,
      };
      for (const [name, reason] of Object.entries(reasons)) {
        await expect(store.get(name, never)).rejects.toThrow(reason);
        await expect(store.get(name, never)).rejects.not.toThrow(/line two/);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
