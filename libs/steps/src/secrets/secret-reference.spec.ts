import { describe, expect, it } from '@jest/globals';
import { parseReference } from './secret-reference.js';

describe('a reference to a secret', () => {
  it.each([
    ['env://NPM_TOKEN', { kind: 'env', path: 'NPM_TOKEN' }],
    ['file:///run/secrets/a%20b#x', { kind: 'file', path: '/run/secrets/a b', key: 'x' }],
    [
      'vault://secret/data/ci?version=3#npm',
      { kind: 'vault', path: 'secret/data/ci', options: { version: '3' }, key: 'npm' },
    ],
    [
      'aws-sm://prod/npm?region=eu-central-1',
      { kind: 'aws-sm', path: 'prod/npm', options: { region: 'eu-central-1' } },
    ],
    [
      'aws-sm://arn:aws:secretsmanager:eu-west-1:1:secret:npm-a1#k',
      { kind: 'aws-sm', path: 'arn:aws:secretsmanager:eu-west-1:1:secret:npm-a1', key: 'k' },
    ],
    ['azure-kv://my-vault/npm', { kind: 'azure-kv', path: 'my-vault/npm' }],
    ['azure-kv://kv.vault.azure.cn/npm/0a1b', { kind: 'azure-kv', path: 'kv.vault.azure.cn/npm/0a1b' }],
    ['gcp-sm://example.com:proj/npm/7', { kind: 'gcp-sm', path: 'example.com:proj/npm/7' }],
  ])('%s is understood', (text, expected) => {
    expect(parseReference(text)).toEqual({ text, options: {}, ...expected });
  });

  it.each([
    ['env://NPM-TOKEN', /the path is wrong; an example is env:\/\/NPM_TOKEN/],
    ['file://relative', /the path is wrong/],
    ['file:///run/../etc/shadow', /the path is wrong/],
    ['file:///run/%2e%2e/etc/shadow', /the path is wrong/],
    ['file:///a%00b', /the path is wrong/],
    ['file:///a%zz', /the path is wrong/],
    ['vault://secret/data/ci', /the key of the value is missing after #/],
    ['vault://secret#npm', /the path is wrong/],
    ['vault://secret/../sys/raw#npm', /the path is wrong/],
    ['aws-sm://npm?regoin=x', /regoin is not one of its options region, version, stage/],
    ['gcp-sm://project/npm?version=1', /it takes no options/],
    ['azure-kv://vault/', /the path is wrong/],
  ])('%s is refused with the right form', (text, message) => {
    expect(() => parseReference(text)).toThrow(message);
  });

  it.each(['hunter22', 'https://user:hunter22@example.com', ''])(
    'a text that is none is not repeated: it may be the secret (%s)',
    (text) => {
      expect(() => parseReference(text)).toThrow(/^it must be a reference such as env:/);
      expect(() => parseReference(text)).not.toThrow(/hunter22/);
    },
  );
});
