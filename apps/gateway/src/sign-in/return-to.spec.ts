import { describe, expect, it } from '@jest/globals';
import { specSeed } from '@hybrid/testing';
import fc from 'fast-check';
import { HOME, safeReturnTo } from './return-to.js';

describe('where people go after sign-in', () => {
  it.each(['/', '/info', '/runs/1?tab=log#end', '/a/../b', '/auth/device?user_code=BCDF-GHJK', '/%C3%A9'])(
    '%j is of this site',
    (path) => expect(new URL(safeReturnTo(path), 'http://here').origin).toBe('http://here'),
  );

  it('keeps query and fragment', () => expect(safeReturnTo('/runs?x=%2F#y')).toBe('/runs?x=%2F#y'));

  it.each([
    '',
    'info',
    '//evil',
    '/\\evil',
    '\\evil',
    '/\t/evil',
    '/\n/evil',
    ' //evil',
    'https:evil',
    'https://evil',
    'javascript:alert(1)',
    '/%2fevil',
    '/%5cevil',
    '/%252fevil',
    '/%0d%0aset-cookie:x',
    '/x\r\nset-cookie: x',
    '/.//evil',
    '/x/..//evil',
    '/%',
    `/${'x'.repeat(2_000)}`,
    null,
    ['/info'],
  ])('%j is not', (path) => expect(safeReturnTo(path)).toBe(HOME));

  it('leads nobody away, whatever is asked', () => {
    for (const texts of [fc.string({ unit: 'binary' }), fc.string().map((text) => `/${text}`), fc.webUrl()])
      fc.assert(
        fc.property(texts, (text) => {
          const path = safeReturnTo(text);
          expect(new URL(path, 'http://here').origin).toBe('http://here');
          // eslint-disable-next-line no-control-regex
          expect(path).not.toMatch(/[\u0000-\u001f]/);
        }),
        { seed: specSeed() },
      );
  });
});
