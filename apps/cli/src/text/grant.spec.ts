import { describe, expect, it } from '@jest/globals';
import { grantText, readGrant } from './grant.js';

describe('a role on the command line', () => {
  it.each([
    ['viewer', { role: 'viewer' }],
    ['operator@pool:gpu', { role: 'operator', pool: 'gpu' }],
    ['developer@pipeline:a:b@c', { role: 'developer', pipeline: 'a:b@c' }],
    ['admin@environment:prod', { role: 'admin', environment: 'prod' }],
  ] as const)('%s is read, and written alike', (text, grant) => {
    expect(readGrant(text)).toEqual(grant);
    expect(grantText(grant)).toBe(text);
  });

  it.each([
    '',
    'root',
    'Admin',
    'operator@',
    'operator@pool',
    'operator@pool:',
    'operator@queue:x',
    '@pool:x',
  ])('%j is none', (text) => expect(readGrant(text)).toBeNull());
});
