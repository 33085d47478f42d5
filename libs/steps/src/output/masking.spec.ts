import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Masker } from './masking.js';

const secret = 'correct horse+battery/staple=9';

function encodedInside(before: string, value: string, after: string): string {
  return Buffer.from(before + value + after).toString('base64');
}

/** No piece of `value` longer than `allowed` characters stands in `text`. */
function longestPiece(text: string, value: string): number {
  let longest = 0;
  for (let from = 0; from < value.length; from++) {
    while (text.includes(value.slice(from, from + longest + 1)) && from + longest < value.length) longest++;
  }
  return longest;
}

describe('masking', () => {
  it('replaces the value and leaves the rest', () => {
    expect(new Masker([secret]).mask(`before ${secret} after`)).toBe('before *** after');
  });

  it('leaves values shorter than four characters alone', () => {
    expect(new Masker(['abc', '']).mask('abcabc')).toBe('abcabc');
  });

  it.each(['', 'a', 'ab', 'abc', 'user:'])('hides the base64 of the value after %j', (before) => {
    for (const after of ['', 'z', 'zz', '\n']) {
      const encoded = encodedInside(before, secret, after);
      const alone = Buffer.from(secret).toString('base64url').slice(4, -4);
      const masked = new Masker([secret]).mask(`x ${encoded} y`);
      expect(masked).toContain('***');
      expect(longestPiece(masked, encoded)).toBeLessThan(12);
      expect(masked).not.toContain(alone);
    }
  });

  it('hides base64 that a tool broke into rows', () => {
    const long = 'a rather long secret value '.repeat(6);
    const encoded = Buffer.from(long).toString('base64');
    const masker = new Masker([long]);
    for (const width of [76, 64]) {
      for (let at = 0; at < encoded.length; at += width) {
        expect(masker.mask(encoded.slice(at, at + width))).toBe('***');
      }
    }
  });

  it('hides the percent-encoded, the form-encoded, the JSON form and hex', () => {
    const value = 'päss "word"\\ & more';
    const masker = new Masker([value]);
    const forms = [
      encodeURIComponent(value),
      encodeURIComponent(value).toLowerCase(),
      encodeURI(value),
      new URLSearchParams({ value }).toString().slice('value='.length),
      JSON.stringify(value).slice(1, -1),
      Buffer.from(value).toString('hex'),
      Buffer.from(value).toString('hex').toUpperCase(),
    ];
    for (const form of forms) expect(masker.mask(`<${form}>`)).toBe('<***>');
  });

  it('hides each line of a value of several lines', () => {
    const masker = new Masker(['-----BEGIN KEY-----\nMIIBVgIBADANBg\r\nkqhkiG9w0BAQ\n-----END KEY-----\n']);
    for (const line of ['-----BEGIN KEY-----', 'MIIBVgIBADANBg', 'kqhkiG9w0BAQ'])
      expect(masker.mask(`> ${line}`)).toBe('> ***');
  });

  it('masks overlapping values as one', () => {
    expect(new Masker(['abcdef', 'defghi']).mask('xabcdefghix')).toBe('x***x');
  });

  it('holds back less than the longest form of a value', () => {
    const masker = new Masker(['hunter22']);
    const stream = masker.stream();
    expect(stream.push(`${'.'.repeat(100)}hun`)).toBe('.'.repeat(104 - masker.longest));
    expect(stream.push('dred', true)).toBe(`${'.'.repeat(masker.longest - 4)}hundred`);
  });

  it('does not hold back control sequences without end', () => {
    const stream = new Masker(['hunter22']).stream();
    const shown = stream.push(`h${'\u001b[31m'.repeat(30_000)}`);
    expect(shown.length).toBeGreaterThan(100_000);
  });

  it('sees through colours and control characters, and keeps the colours', () => {
    const masker = new Masker(['hunter22']);
    expect(masker.mask('a \u001b[1mhun\u001b[31mter\u001b[0m22\u001b[0m b')).toBe(
      'a \u001b[1m***\u001b[31m\u001b[0m\u001b[0m b',
    );
    expect(masker.mask('hun\u0000ter\u001b[2K22 \u009b1mh\u0007unter22')).toBe('*** \u009b1m***');
    expect(masker.mask('\u001b[32mno secret\u001b[0m')).toBe('\u001b[32mno secret\u001b[0m');
  });

  it('hides base64 that was broken into rows of any width', () => {
    const value = 'correct horse battery staple';
    const masker = new Masker([value]);
    for (let width = 8; width < 60; width++) {
      const rows = encodedInside('user:', value, '').match(new RegExp(`.{1,${width}}`, 'g')) ?? [];
      const left = rows
        .map((row) => masker.mask(row))
        .filter((row) => row.length >= 8 && !row.includes('***'));
      // The first characters belong to what stands before the value.
      expect(left.filter((row) => !row.startsWith('dXNlcj'))).toEqual([]);
    }
  });

  it('masks what a child was given in texts of the child alone', () => {
    const masker = new Masker(['agents-secret']);
    const child = masker.child();
    child.add('steps-secret');
    masker.renew('renewed-secret');
    const text = 'agents-secret steps-secret renewed-secret';
    expect(child.mask(text)).toBe('*** *** ***');
    expect(masker.mask(text)).toBe('*** steps-secret ***');
  });

  it('leaves text without a secret as it is', () => {
    const child = new Masker(['correct horse', 'MIIBVgIBADANBg', 'tr0ub4dor&3']).child();
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        fc.pre(!/corr|MIIB|tr0u/.test(text));
        expect(child.mask(text)).toBe(text);
      }),
    );
  });

  it('never shows a value, whatever the chunks', () => {
    const alphabet = fc.string({
      unit: fc.constantFrom('a', 'b', 'A', '+', '/', ' ', 'é', '😀'),
      minLength: 4,
      maxLength: 12,
    });
    const values = fc.array(alphabet, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        values.chain((secrets) => {
          const parts = fc.oneof(
            fc.constantFrom(...secrets),
            fc.constantFrom(...secrets.map((value) => value.slice(0, -1))),
            fc.string({ maxLength: 6 }).map((text) => text.replaceAll('*', '')),
          );
          return fc.record({
            secrets: fc.constant(secrets),
            text: fc.array(parts, { maxLength: 12 }).map((all) => all.join('')),
          });
        }),
        fc.array(fc.nat(), { maxLength: 20 }),
        ({ secrets, text }, cuts) => {
          const masker = new Masker(secrets);
          const stream = masker.stream();
          const places = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((a, b) => a - b);
          let shown = '';
          let from = 0;
          for (const to of places) {
            shown += stream.push(text.slice(from, to));
            from = to;
          }
          shown += stream.push(text.slice(from), true);
          for (const value of secrets) expect(shown).not.toContain(value);
          expect(shown).toBe(masker.mask(text));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('masks a value that is renewed, in a text that is under way too, and the one before it', () => {
    const masker = new Masker(['fixed-value']);
    const stream = masker.stream();
    let shown = stream.push('one second-');
    masker.renew('first-token');
    masker.renew('second-token');
    shown += stream.push('token, sec') + stream.push('ond-token, first-token, fixed-value', true);
    expect(shown).toBe('one ***, ***, ***, ***');
    masker.renew('second-token');
    expect(masker.mask('first-token')).toBe('***');
    masker.renew('third-token');
    expect(masker.mask('first-token second-token third-token fixed-value')).toBe('first-token *** *** ***');
  });
});
