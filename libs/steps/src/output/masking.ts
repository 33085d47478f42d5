/** Masking: no known secret value leaves this machine in a log line, an error message or an output. */
import { visibleControls } from './control-characters.js';

const MASK = '***';
/** Shorter values would blot out ordinary words. */
const MIN_LENGTH = 4;
/** Column widths at which base64 tools break lines: coreutils and PEM. */
const BASE64_WIDTHS = [76, 64];
const RENEWED_MAX = 2;

export class Masker {
  /** Longest first is not needed: all matches are found and their union is masked. */
  readonly patterns: readonly string[];
  readonly #fixed: string[];
  readonly #renewed: string[] = [];

  constructor(values: Iterable<string>) {
    this.#fixed = [...values];
    this.patterns = patternsOf(this.#fixed);
  }

  /** Masks this value from now on, in texts that are under way too. */
  add(value: string): void {
    if (this.#fixed.includes(value)) return;
    this.#fixed.push(value);
    this.#refresh();
  }

  /** Masks this value as well, in texts that are under way too; and the one before it, which may be valid still. */
  renew(value: string): void {
    if (this.#renewed.at(-1) === value) return;
    if (this.#renewed.push(value) > RENEWED_MAX) this.#renewed.shift();
    this.#refresh();
  }

  #refresh(): void {
    // The streams look at this array.
    const shared = this.patterns as string[];
    shared.splice(0, shared.length, ...patternsOf([...this.#fixed, ...this.#renewed]));
  }

  /** Masks a text that is there as a whole. */
  mask(text: string): string {
    const stream = this.stream();
    return stream.push(text, true);
  }

  /** Masks a text that arrives in pieces. */
  stream(): MaskStream {
    return new MaskStream(this.patterns);
  }
}

/** Holds back what could still become a secret, and nothing else: at most one character less than the longest pattern. */
export class MaskStream {
  #buffer = '';
  /** How many characters at the start of the buffer are already masked; they are kept for overlapping matches only. */
  #masked = 0;
  readonly #patterns: readonly string[];

  constructor(patterns: readonly string[]) {
    this.#patterns = patterns;
  }

  /** Answers what is safe to show; with `last`, everything. */
  push(text: string, last = false): string {
    this.#buffer += text;
    const buffer = this.#buffer;
    const cut = last ? buffer.length : buffer.length - this.#longestOpenPrefix();
    let shown = '';
    let at = this.#masked;
    for (const [start, end] of this.#matches()) {
      if (start >= cut) break;
      if (end <= at) continue;
      const continues = start < at && at === this.#masked;
      if (start > at) shown += buffer.slice(at, start);
      if (!continues) shown += MASK;
      at = end;
    }
    if (at < cut) shown += buffer.slice(at, cut);
    this.#buffer = buffer.slice(cut);
    this.#masked = Math.max(0, at - cut);
    return shown;
  }

  /** Union of all matches, as disjoint intervals in order. */
  #matches(): [number, number][] {
    const found: [number, number][] = [];
    for (const pattern of this.#patterns) {
      for (let at = this.#buffer.indexOf(pattern); at >= 0; at = this.#buffer.indexOf(pattern, at + 1)) {
        found.push([at, at + pattern.length]);
      }
    }
    found.sort((a, b) => a[0] - b[0]);
    const merged: [number, number][] = [];
    for (const [start, end] of found) {
      const previous = merged.at(-1);
      if (previous && start < previous[1]) previous[1] = Math.max(previous[1], end);
      else merged.push([start, end]);
    }
    return merged;
  }

  /** Length of the longest end of the buffer with which a pattern begins. */
  #longestOpenPrefix(): number {
    let longest = 0;
    for (const pattern of this.#patterns) {
      for (let length = Math.min(pattern.length - 1, this.#buffer.length); length > longest; length--) {
        if (this.#buffer.endsWith(pattern.slice(0, length))) longest = length;
      }
    }
    return longest;
  }
}

function patternsOf(values: readonly string[]): string[] {
  return [...new Set(values.flatMap((value) => [...formsOf(value)]))];
}

/** Every text in which the value could be recognised: as it is, line by line, in base64, percent-encoded, in JSON. */
function* formsOf(value: string): Generator<string> {
  const lines = value.split(/\r\n|\n|\r/);
  for (const text of new Set([value, value.trim(), ...lines, ...lines.map((line) => line.trim())])) {
    if (text.length < MIN_LENGTH) continue;
    const forms = [text, JSON.stringify(text).slice(1, -1), ...percentForms(text), ...base64Forms(text)];
    for (const form of forms) {
      if (form.length < MIN_LENGTH) continue;
      yield form;
      yield visibleControls(form);
    }
  }
}

function percentForms(text: string): string[] {
  const encode = (kept: RegExp, lower: boolean): string =>
    Array.from(Buffer.from(text), (byte) => {
      const char = String.fromCharCode(byte);
      if (byte < 0x80 && kept.test(char)) return char;
      const hex = byte.toString(16).padStart(2, '0');
      return `%${lower ? hex : hex.toUpperCase()}`;
    }).join('');
  const kept = [/[A-Za-z0-9\-_.~]/, /[A-Za-z0-9\-_.!~*'()]/, /[A-Za-z0-9\-_.!~*'();/?:@&=+$,#]/];
  const forms = kept.flatMap((set) => [encode(set, false), encode(set, true)]);
  return [...forms, ...forms.map((form) => form.replaceAll('%20', '+'))];
}

/**
 * Base64 of the value alone, and of the value inside a longer text: the characters that depend on the value only,
 * for each of the three places at which it can begin within a group of three bytes.
 */
function base64Forms(text: string): string[] {
  const bytes = Buffer.from(text);
  const forms = [bytes.toString('base64')];
  for (const [before, unsure] of [
    [0, 0],
    [1, 2],
    [2, 3],
  ] as const) {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    forms.push(encoded.slice(unsure, Math.floor(((before + bytes.length) * 8) / 6)));
  }
  const alone = forms[0] ?? '';
  for (const width of BASE64_WIDTHS) {
    for (let at = 0; alone.length > width && at < alone.length; at += width) {
      const row = alone.slice(at, at + width);
      if (row.length >= 8) forms.push(row);
    }
  }
  return [
    ...forms,
    ...forms.map((form) => form.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')),
  ];
}
