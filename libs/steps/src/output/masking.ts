/** Masking: no known secret value leaves this machine in a log line, an error message or an output. */
import { seenText } from './control-characters.js';
import { PatternSearch, type Interval } from './pattern-search.js';
import { formsOf } from './secret-forms.js';

const MASK = '***';
const RENEWED_MAX = 2;
/** Forms of values that a child may add: a step that registers thousands of them must not fill the agent's memory. */
const FORMS_MAX = 1_000_000;
/** Characters that a stream holds back besides a secret's own: control sequences without end must not. */
const UNSEEN_MAX = 64 * 1024;
// eslint-disable-next-line no-control-regex
const COLOURS = /\x1b\[[0-9;:]*m/g;

export class Masker {
  readonly #parent: Masker | undefined;
  readonly #added = new Set<string>();
  readonly #fixed = new PatternSearch();
  #renewable: string[] = [];
  #renewed = new PatternSearch();

  constructor(values: Iterable<string>, parent?: Masker) {
    this.#parent = parent;
    for (const value of values) this.add(value);
  }

  /** One that masks this one's values, and others that this one does not learn of: of one step. */
  child(): Masker {
    return new Masker([], this);
  }

  /** Masks this value from now on, in texts that are under way too. */
  add(value: string): void {
    if (this.#added.has(value) || (this.#parent && this.#fixed.size > FORMS_MAX)) return;
    this.#added.add(value);
    for (const form of formsOf(value)) this.#fixed.add(form);
  }

  /** Masks this value as well, in texts that are under way too; and the one before it, which may be valid still. */
  renew(value: string): void {
    if (this.#renewable.at(-1) === value) return;
    this.#renewable = [...this.#renewable, value].slice(-RENEWED_MAX);
    this.#renewed = new PatternSearch(this.#renewable.flatMap((one) => [...formsOf(one)]));
  }

  /** Masks a text that is there as a whole. */
  mask(text: string): string {
    return this.stream().push(text, true);
  }

  /** Masks a text that arrives in pieces. */
  stream(): MaskStream {
    return new MaskStream(this);
  }

  /** Characters of the longest text that is masked. */
  get longest(): number {
    return Math.max(this.#fixed.longest, this.#renewed.longest, this.#parent?.longest ?? 0);
  }

  /** Union of all that is to be masked in a text without control characters: disjoint, in order. */
  matches(text: string): Interval[] {
    const found = this.#find(text, []);
    if (found.length < 2) return found;
    found.sort((a, b) => a[0] - b[0]);
    const merged: Interval[] = [];
    for (const [start, end] of found) {
      const previous = merged.at(-1);
      if (previous && start < previous[1]) previous[1] = Math.max(previous[1], end);
      else merged.push([start, end]);
    }
    return merged;
  }

  #find(text: string, found: Interval[]): Interval[] {
    this.#fixed.find(text, found);
    this.#renewed.find(text, found);
    return this.#parent ? this.#parent.#find(text, found) : found;
  }
}

/**
 * Compares what a person would see: colours and control characters inside a secret do not hide it. Holds back the end
 * of what came, one character less than the longest pattern.
 */
export class MaskStream {
  #buffer = '';
  /** How many characters at the start of the buffer are already masked; they are kept for overlapping matches only. */
  #masked = 0;

  constructor(private readonly masker: Masker) {}

  /** Answers what is safe to show; with `last`, everything. */
  push(text: string, last = false): string {
    const buffer = (this.#buffer += text);
    const seen = seenText(buffer);
    const matches = this.masker.matches(seen.text);
    const { longest } = this.masker;
    let cut = last ? buffer.length : seen.place(Math.max(0, seen.text.length - Math.max(0, longest - 1)));
    if (buffer.length - cut > longest + UNSEEN_MAX) cut = buffer.length;
    if (last && matches.length === 0 && this.#masked === 0) {
      this.#buffer = '';
      return buffer;
    }
    let shown = '';
    let at = this.#masked;
    for (const match of matches) {
      const start = seen.place(match[0]);
      const end = seen.place(match[1] - 1) + 1;
      if (start >= cut) break;
      if (end <= at) continue;
      const continues = start < at && at === this.#masked;
      if (start > at) shown += buffer.slice(at, start);
      if (!continues) shown += MASK;
      // What follows keeps its colour.
      shown += buffer.slice(Math.max(at, start), end).match(COLOURS)?.join('') ?? '';
      at = end;
    }
    if (at < cut) shown += buffer.slice(at, cut);
    this.#buffer = buffer.slice(cut);
    this.#masked = Math.max(0, at - cut);
    return shown;
  }
}
