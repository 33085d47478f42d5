/** Every text in which a secret value could be recognised: as it is, line by line, in base64, hex, percent-encoded, in JSON, quoted. */
import { seenText } from './control-characters.js';
import { PATTERN_MIN } from './pattern-search.js';

/**
 * Characters of base64 that are recognised wherever they stand: rows of any width are, down to this one. Eight hold
 * six bytes of the value: ordinary text does not hit them by chance.
 */
const BASE64_PIECE = 8;
/** Characters; longer values are masked whole and by lines, but in base64 by each row of usual width only. */
const PIECES_MAX = 8_192;
const BASE64_WIDTHS = [76, 64];

/** Without what is shorter than PATTERN_MIN: it would blot out ordinary words. Without control characters, which are not compared. */
export function* formsOf(value: string): Generator<string> {
  const lines = value.split(/\r\n|\n|\r/);
  for (const text of new Set([value, value.trim(), ...lines, ...lines.map((line) => line.trim())])) {
    if (text.length < PATTERN_MIN) continue;
    const forms = [
      text,
      ...quotedForms(text),
      ...percentForms(text),
      ...hexForms(text),
      ...base64Forms(text),
    ];
    for (const form of new Set(forms)) {
      const { text: seen } = seenText(form);
      if (seen.length >= PATTERN_MIN) yield seen;
    }
  }
}

/** In JSON, in JSON in JSON, with every other than ASCII escaped, and as shells show it (`set -x`). */
function quotedForms(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1);
  const ascii = json.replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return [
    ...[json, json.replaceAll('/', '\\/'), ascii, ascii.replaceAll('/', '\\/')],
    JSON.stringify(json).slice(1, -1),
    ...[`'\\''`, `'"'"'`].map((quote) => text.replaceAll("'", quote)),
  ];
}

/** As od and xxd -p write it, without what they put between. */
function hexForms(text: string): string[] {
  const hex = Buffer.from(text).toString('hex');
  return [hex, hex.toUpperCase()];
}

function percentForms(text: string): string[] {
  const encode = (kept: RegExp, lower: boolean): string =>
    Array.from(Buffer.from(text), (byte) => {
      const char = String.fromCharCode(byte);
      if (byte < 0x80 && kept.test(char)) return char;
      const hex = byte.toString(16).padStart(2, '0');
      return `%${lower ? hex : hex.toUpperCase()}`;
    }).join('');
  const kept = [
    /[A-Za-z0-9\-_.~]/,
    /[A-Za-z0-9\-_.*]/,
    /[A-Za-z0-9\-_.!~*'()]/,
    /[A-Za-z0-9\-_.!~*'();/?:@&=+$,#]/,
  ];
  const forms = kept.flatMap((set) => [encode(set, false), encode(set, true)]);
  return [...forms, ...forms.map((form) => form.replaceAll('%20', '+'))];
}

/**
 * Base64 of the value alone, and of the value inside a longer text: the characters that depend on the value only,
 * for each of the three places at which it can begin within a group of three bytes.
 */
function base64Forms(text: string): string[] {
  const bytes = Buffer.from(text);
  const alone = bytes.toString('base64');
  const inside = [
    [0, 0],
    [1, 2],
    [2, 3],
  ].map(([before = 0, unsure = 0]) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    return encoded.slice(unsure, Math.floor(((before + bytes.length) * 8) / 6));
  });
  const forms = [alone, ...inside, ...(text.length <= PIECES_MAX ? inside.flatMap(pieces) : rows(alone))];
  return [
    ...forms,
    ...forms.map((form) => form.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')),
  ];
}

/** Each run of BASE64_PIECE characters: what is found of them overlaps, so a piece of any length is covered. */
function pieces(form: string): string[] {
  const found: string[] = [];
  for (let at = 0; at + BASE64_PIECE <= form.length; at++) found.push(form.slice(at, at + BASE64_PIECE));
  return found;
}

function rows(form: string): string[] {
  return BASE64_WIDTHS.flatMap((width) =>
    Array.from({ length: Math.ceil(form.length / width) }, (_, row) =>
      form.slice(row * width, (row + 1) * width),
    ).filter((row) => row.length >= BASE64_PIECE),
  );
}
