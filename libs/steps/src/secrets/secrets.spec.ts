import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secrets } from './secrets.js';
import { loadSecrets, parseSecretsFile } from './secrets-file.js';

describe('secrets', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hybrid-secrets-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const secrets = new Secrets(new Map([['TOKEN', 'hunter22']]));

  it('puts values into environment variables', () => {
    expect(secrets.resolve('Bearer {{.Secrets.TOKEN}}, {{ .Secrets.TOKEN }}')).toBe(
      'Bearer hunter22, hunter22',
    );
  });

  it('puts variables, never values, into commands', () => {
    expect(secrets.resolveInCommand('login "{{.Secrets.TOKEN}}"')).toEqual({
      command: 'login "${HYBRID_SECRET_TOKEN}"',
      env: { HYBRID_SECRET_TOKEN: 'hunter22' },
    });
  });

  it('names an unknown secret and how to define it', () => {
    expect(() => secrets.resolve('{{.Secrets.OTHER}}')).toThrow(
      /OTHER is not known.*settings file.*--secrets-file.*HYBRID_SECRET_OTHER/,
    );
  });

  it('reads NAME=value lines with comments and quotes', () => {
    const text = '# comment\nA=1\n\nexport B = two words \nC="x\\ny\\"z"\nD=\'as it is\\n\'\nE=a=b#c\n';
    expect(Object.fromEntries(parseSecretsFile(text, 'f'))).toEqual({
      A: '1',
      B: 'two words',
      C: 'x\ny"z',
      D: 'as it is\\n',
      E: 'a=b#c',
    });
  });

  it('names the line that is wrong, not its content', () => {
    expect(() => parseSecretsFile('A=1\nhunter22', 'the-file')).toThrow(
      'line 2 of the-file is not NAME=value',
    );
  });

  it('warns when others can read the file, and lets the environment win', async () => {
    const file = join(folder, 'secrets');
    await writeFile(file, 'A=from-file\nB=from-file\n');
    const warnings: string[] = [];
    const env = { HYBRID_SECRET_B: 'from-env', HYBRID_SECRETS_FILE: file };
    await chmod(file, 0o644);
    const loaded = await loadSecrets(file, env, (text) => warnings.push(text));
    expect(loaded.values()).toEqual(['from-file', 'from-env']);
    expect(warnings).toEqual([expect.stringContaining(`chmod 600 ${file}`)]);
    await chmod(file, 0o600);
    await loadSecrets(file, env, (text) => warnings.push(text));
    expect(warnings).toHaveLength(1);
  });
});
