/** A text that stands nowhere by chance, and every form in which it, or a cut piece of it, could be found again. */
import { randomBytes } from 'node:crypto';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

export interface Sighting {
  /** `base64`, `hex` … */
  form: string;
  /** What stands there, for the report of a failing test. */
  around: string;
}

export class Mark {
  readonly #forms: [form: string, bytes: Buffer][];

  /** @param text one that somebody else made; 100 bits of chance unless told. */
  constructor(readonly text = Array.from(randomBytes(20), (byte) => ALPHABET[byte % 32]).join('')) {
    this.#forms = [...formsOf(text)].map(([form, written]) => [form, Buffer.from(written)]);
  }

  /** A value with the mark at both ends: a piece that was cut off it has one still. `name` tells which one leaked. */
  value(name: string): string {
    return `${this.text}-${name}-${this.text}`;
  }

  in(bytes: Buffer): Sighting[] {
    return this.#forms.flatMap(([form, wanted]) => {
      const at = bytes.indexOf(wanted);
      if (at < 0) return [];
      const around = bytes.subarray(Math.max(0, at - 200), at + 200).toString('latin1');
      // eslint-disable-next-line no-control-regex
      return [{ form, around: around.replaceAll(/[\x00-\x1f\x7f-\xff]+/g, '·') }];
    });
  }
}

function* formsOf(text: string): Generator<[string, string]> {
  const bytes = Buffer.from(text);
  const hex = bytes.toString('hex');
  const escaped = (before: string): string => hex.replaceAll(/../g, (byte) => before + byte);
  yield ['clear', text];
  yield ['upper case', text.toUpperCase()];
  yield ['hex', hex];
  yield ['hex in upper case', hex.toUpperCase()];
  yield ['percent-encoded', escaped('%')];
  yield ['percent-encoded in upper case', escaped('%').toUpperCase()];
  yield ['escaped in JSON', escaped('\\u00')];
  yield ['UTF-16', [...text].join('\0')];
  // Whatever stands before it: the characters that depend on the text alone.
  for (const before of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const whole = Math.floor(((before + bytes.length) * 8) / 6);
    yield [`base64, ${before} bytes in`, encoded.slice(Math.ceil((before * 8) / 6), whole)];
  }
}
