import { describe, expect, it } from '@jest/globals';
import { createVerifier, httpbis } from 'http-message-signatures';
import { agentCredential, readAgentCredential, type AgentCredential } from './agent-credential.js';
import { contentDigest, contentDigestOf } from './content-digest.js';
import { isSignedWith, mac, readSignature, signRequest } from './request-signature.js';

const agent: AgentCredential = {
  agentId: '00000000-0000-4000-8000-00000000000a',
  version: 1,
  key: Buffer.alloc(32, 7),
};
const request = {
  method: 'POST',
  target: '/api/queue/claim?a=1&b=%2e',
  contentDigest: contentDigest('{"agent_id":"a"}'),
};
const fixed = { created: 1_767_225_600, nonce: 'YWJjZGVmZ2hpamtsbW5vcA' };
const signed = signRequest(agent, request, fixed);

describe('the vectors of the standards', () => {
  it('hmac-sha256 is that of RFC 9421, B.2.5', () => {
    const key = Buffer.from(
      'uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==',
      'base64',
    );
    const base = [
      '"date": Tue, 20 Apr 2021 02:07:55 GMT',
      '"@authority": example.com',
      '"content-type": application/json',
      '"@signature-params": ("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
    ].join('\n');
    expect(mac(key, base).toString('base64')).toBe('pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=');
  });

  it.each([
    ['{"hello": "world"}', 'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:'],
    ['{"hello": "world"}\n', 'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:'],
    ['', 'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:'],
  ])('the Content-Digest of %j is that of RFC 9530', (body, digest) => {
    expect(contentDigest(body)).toBe(digest);
    expect(contentDigest(Buffer.from(body))).toBe(digest);
  });

  it('a SHA-256 as hexadecimal digits is the same digest', () => {
    const hex = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
    expect(contentDigestOf(hex)).toBe(contentDigest());
  });
});

describe('a signed request', () => {
  it('has three headers', () => {
    expect(signed).toEqual({
      'content-digest': request.contentDigest,
      'signature-input':
        'sig=("@method" "@path" "@query" "content-digest");created=1767225600;nonce="YWJjZGVmZ2hpamtsbW5vcA";keyid="00000000-0000-4000-8000-00000000000a.1";tag="hybrid-agent"',
      signature: expect.stringMatching(/^sig=:[A-Za-z0-9+/]{43}=:$/) as unknown,
    });
  });

  it('is read and verified again', () => {
    const read = readSignature({ ...signed })!;
    expect(read).toMatchObject({ agentId: agent.agentId, version: 1, ...fixed });
    expect(isSignedWith(agent.key, read, request)).toBe(true);
  });

  it('is what another implementation of RFC 9421 takes for signed, too', async () => {
    const verified = await httpbis.verifyMessage(
      {
        keyLookup: async () => ({
          id: 'agent',
          algs: ['hmac-sha256'],
          verify: createVerifier(agent.key, 'hmac-sha256'),
        }),
        requiredFields: ['@method', '@path', '@query', 'content-digest'],
      },
      { method: request.method, url: `https://example.com${request.target}`, headers: { ...signed } },
    );
    expect(verified).toBe(true);
  });

  it('has another nonce each time', () => {
    const nonces = Array.from(
      { length: 100 },
      () => readSignature({ ...signRequest(agent, request) })!.nonce,
    );
    expect(new Set(nonces).size).toBe(100);
    for (const nonce of nonces) expect(Buffer.from(nonce, 'base64url')).toHaveLength(16);
  });

  it.each([
    ['method', { method: 'PUT' }],
    ['method in other letters', { method: 'post' }],
    ['path', { target: '/api/queue/claims?a=1&b=%2e' }],
    ['path, encoded in another way', { target: '/api/queue/%63laim?a=1&b=%2e' }],
    ['query', { target: '/api/queue/claim?a=2&b=%2e' }],
    ['query, encoded in another way', { target: '/api/queue/claim?a=1&b=.' }],
    ['order of the query', { target: '/api/queue/claim?b=%2e&a=1' }],
    ['query, left out', { target: '/api/queue/claim' }],
    ['end of the path', { target: '/api/queue/claim/?a=1&b=%2e' }],
  ])('is not signed with another %s', (_, altered) => {
    const read = readSignature({ ...signed })!;
    expect(isSignedWith(agent.key, read, { ...request, ...altered })).toBe(false);
  });

  const input = signed['signature-input'];
  it.each([
    ['digest', { 'content-digest': contentDigest('{}') }],
    ['created', { 'signature-input': input.replace('created=1767225600', 'created=1767225601') }],
    ['nonce', { 'signature-input': input.replace('nonce="Y', 'nonce="Z') }],
    ['agent', { 'signature-input': input.replace('00a.1"', '00b.1"') }],
    ['version of the key', { 'signature-input': input.replace('00a.1"', '00a.2"') }],
    ['signature', { signature: signed.signature.replace(/:(.)/, (_, c) => (c === 'A' ? ':B' : ':A')) }],
  ])('is not signed with another %s', (_, altered) => {
    const read = readSignature({ ...signed, ...altered })!;
    expect(isSignedWith(agent.key, read, request)).toBe(false);
  });

  it('is not signed with the key of another', () => {
    expect(isSignedWith(Buffer.alloc(32, 8), readSignature({ ...signed })!, request)).toBe(false);
  });

  const other = 'sig2=("@method");created=1767225600';
  it.each<[string, Record<string, string | string[] | undefined>]>([
    ['no Signature-Input', { 'signature-input': undefined }],
    ['no Signature', { signature: undefined }],
    ['no Content-Digest', { 'content-digest': undefined }],
    ['Signature-Input twice', { 'signature-input': [input, input] }],
    ['Signature-Input twice, joined', { 'signature-input': `${input}, ${input}` }],
    ['Signature twice', { signature: [signed.signature, signed.signature] }],
    ['a second label', { 'signature-input': `${input}, ${other}` }],
    ['a second label before it', { 'signature-input': `${other}, ${input}` }],
    ['a second signature', { signature: `${signed.signature}, sig2=:AAAA:` }],
    ['another label', { 'signature-input': input.replace('sig=', 'sig1=') }],
    ['another label of the signature', { signature: signed.signature.replace('sig=', 'sig1=') }],
    ['a component too few', { 'signature-input': input.replace(' "@query"', '') }],
    ['a component too many', { 'signature-input': input.replace('"@query"', '"@query" "host"') }],
    ['a component twice', { 'signature-input': input.replace('"@path"', '"@path" "@path"') }],
    ['a component of another kind', { 'signature-input': input.replace('"@path"', '"@path";req') }],
    [
      'components in another order',
      { 'signature-input': input.replace('"@method" "@path"', '"@path" "@method"') },
    ],
    ['no component', { 'signature-input': input.replace(/\(.*?\)/, '()') }],
    ['an algorithm', { 'signature-input': `${input};alg="hmac-sha256"` }],
    ['another algorithm', { 'signature-input': `${input};alg="rsa-pss-sha512"` }],
    ['an end', { 'signature-input': `${input};expires=1767225700` }],
    ['no created', { 'signature-input': input.replace(';created=1767225600', '') }],
    ['created twice', { 'signature-input': input.replace(';nonce', ';created=1767225600;nonce') }],
    ['a created of another type', { 'signature-input': input.replace('1767225600', '"1767225600"') }],
    ['a short nonce', { 'signature-input': input.replace(fixed.nonce, 'abc') }],
    ['no tag', { 'signature-input': input.replace(';tag="hybrid-agent"', '') }],
    ['another tag', { 'signature-input': input.replace('hybrid-agent', 'other') }],
    ['a key of another form', { 'signature-input': input.replace('keyid="', 'keyid="x') }],
    ['more space', { 'signature-input': input.replace(';created', '; created') }],
    ['a line more', { 'signature-input': `${input}\n` }],
    ['a short signature', { signature: 'sig=:AAAA:' }],
    ['another digest', { 'content-digest': 'sha-512=:AAAA:' }],
    ['two digests', { 'content-digest': `${request.contentDigest}, sha-512=:AAAA:` }],
  ])('with %s is none', (_, altered) => {
    expect(readSignature({ ...signed, ...altered })).toBeNull();
  });
});

describe('a credential', () => {
  it('is written and read again', () => {
    const text = agentCredential(agent);
    expect(text).toMatch(/^hya_00000000-0000-4000-8000-00000000000a_1_[\w-]{43}$/);
    expect(readAgentCredential(text)).toEqual(agent);
  });

  it.each([
    '',
    'hya_',
    'a-join-token',
    `hya_${agent.agentId}_${'x'.repeat(43)}`,
    `hya_${agent.agentId}_0_${'x'.repeat(43)}`,
    `hya_${agent.agentId}_1_${'x'.repeat(42)}`,
    `${agentCredential(agent)}\n`,
  ])('is not %j', (text) => {
    expect(readAgentCredential(text)).toBeNull();
  });
});
