/**
 * Globs of branches, tags and paths: `*` and `?` within a name, `**` across names, `[a-z]`, `{a,b}`; a leading `!` takes
 * back. They are matched character by character for all possibilities at once, in a time that is bounded by the product of
 * both lengths: made into a regular expression, `a*a*a*a*a*b` takes minutes for a branch that somebody names to that end.
 */

type Token =
  | { is: 'char'; char: string }
  | { is: 'one' }
  /** `ranges`: that are looked at for each character. */
  | { is: 'class'; ranges: number; within: (char: string) => boolean }
  /** Any characters of a name. */
  | { is: 'star' }
  /** Any characters. */
  | { is: 'all' }
  /** Any names, each with its slash. */
  | { is: 'names' };

/** Of one pattern with its braces written out, and their characters together; more are not looked at. */
const MAX_ALTERNATIVES = 64;
const MAX_WRITTEN_OUT = 4_000;
/** Patterns that are kept as they were read: one is asked about every file of a push. */
const MAX_KNOWN = 1_000;
/** What it takes to begin with a text, in steps. */
const BEGIN = 4;

/** How many steps may still be taken: looks at one place of a pattern for one character. Below 0: that was not enough. */
export interface Work {
  left: number;
}

/**
 * Whether the text fits: the last pattern that says something about it decides. Empty, or with patterns that take back
 * alone: everything else fits.
 * @param work is used up; where it was not enough, the answer means nothing.
 */
export function matches(
  patterns: readonly string[],
  text: string,
  work: Work = { left: Number.POSITIVE_INFINITY },
): boolean {
  let fits = patterns.every((pattern) => pattern.startsWith('!'));
  for (const pattern of patterns) {
    if (work.left < 0) return false;
    if (alternativesIn(pattern).some((one) => matchesTokens(one, text, work)))
      fits = !pattern.startsWith('!');
  }
  return fits;
}

/** No more steps than these are taken for one text of so many characters, or for several that have as many together. */
export function mostSteps(patterns: readonly string[], characters: number, texts = 1): number {
  return patterns
    .flatMap(alternativesIn)
    .reduce((sum, tokens) => sum + BEGIN * texts + placesIn(tokens) * characters, 0);
}

/** That one character may be looked at for: before the first wildcard one place at a time, from there on all of them. */
function placesIn(tokens: Token[]): number {
  const first = tokens.findIndex(isWild);
  const before = first < 0 ? tokens : tokens.slice(0, first);
  const behind = tokens.slice(before.length).reduce((sum, token) => sum + lookedAt(token), 1);
  return Math.max(behind, ...before.map(lookedAt));
}

function lookedAt(token: Token): number {
  if (token.is === 'class') return 1 + token.ranges;
  return token.is === 'names' ? 2 : 1;
}

const known = new Map<string, Token[][]>();

function alternativesIn(pattern: string): Token[][] {
  const glob = pattern.startsWith('!') ? pattern.slice(1) : pattern;
  const alternatives = known.get(glob) ?? alternativesOf(glob).map(tokensOf);
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(glob, alternatives);
  return alternatives;
}

/** `{a,b}/c` → `a/c`, `b/c`; `a/**` is the folder itself, too. */
function alternativesOf(glob: string): string[] {
  const done: string[] = [];
  const open = [glob];
  let written = 0;
  while (open.length > 0 && done.length + open.length <= MAX_ALTERNATIVES && written <= MAX_WRITTEN_OUT) {
    const next = open.shift()!;
    const braces = /\{([^{},]*,[^{}]*)\}/.exec(next);
    if (!braces) {
      done.push(next);
      written += next.length;
    } else
      for (const choice of braces[1]!.split(','))
        open.push(next.slice(0, braces.index) + choice + next.slice(braces.index + braces[0].length));
  }
  return done.flatMap((one) => (one.endsWith('/**') ? [one, one.slice(0, -3)] : [one]));
}

function tokensOf(glob: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < glob.length;) {
    const rest = glob.slice(at);
    const begins = at === 0 || glob[at - 1] === '/';
    const stars = /^\*+/.exec(rest)?.[0].length ?? 0;
    const set = /^\[([!^]?)([^\]/]+)\]/.exec(rest);
    if (stars === 2 && begins && rest[2] === '/') {
      tokens.push({ is: 'names' });
      at += 3;
    } else if (stars > 0) {
      tokens.push({ is: stars === 2 && begins && rest.length === 2 ? 'all' : 'star' });
      at += stars;
    } else if (set) {
      tokens.push({ is: 'class', ...classOf(set[2]!, set[1] !== '') });
      at += set[0].length;
    } else if (rest[0] === '\\' && rest.length > 1) {
      tokens.push({ is: 'char', char: rest[1]! });
      at += 2;
    } else {
      tokens.push(rest[0] === '?' ? { is: 'one' } : { is: 'char', char: rest[0]! });
      at++;
    }
  }
  return tokens;
}

function classOf(members: string, negated: boolean) {
  const ranges = [...members.matchAll(/(.)-(.)|(.)/gsu)].map(
    ([, from, to, one]) => [from ?? one!, to ?? one!] as const,
  );
  const within = (char: string) =>
    char !== '/' && ranges.some(([from, to]) => from <= char && char <= to) !== negated;
  return { ranges: ranges.length, within };
}

function matchesTokens(tokens: readonly Token[], text: string, work: Work): boolean {
  const places = new Places(tokens);
  places.reach(0);
  work.left -= BEGIN;
  for (const char of text) {
    const now = places.turn();
    work.left -= now.length;
    if (now.length === 0 || work.left < 0) return false;
    for (const place of now) {
      const at = place >> 1;
      const token = tokens[at];
      switch (token?.is) {
        case 'char':
          if (token.char === char) places.reach(at + 1);
          break;
        case 'one':
          if (char !== '/') places.reach(at + 1);
          break;
        case 'class':
          work.left -= token.ranges;
          if (token.within(char)) places.reach(at + 1);
          break;
        case 'star':
          if (char !== '/') places.reach(at);
          break;
        case 'all':
          places.reach(at);
          break;
        case 'names':
          if (char === '/') places.reach(at);
          else places.add(2 * at + 1);
          break;
        case undefined:
      }
    }
  }
  return places.turn().includes(2 * tokens.length);
}

/** Places in the tokens that the text so far leads to, each once: twice their number, and one more within a name of `names`. */
class Places {
  readonly #turns: Uint32Array;
  #turn = 1;
  #found: number[] = [];

  constructor(private readonly tokens: readonly Token[]) {
    this.#turns = new Uint32Array(2 * tokens.length + 2);
  }

  /** Those that were found since the last turn. */
  turn(): number[] {
    const found = this.#found;
    this.#found = [];
    this.#turn++;
    return found;
  }

  add(place: number): boolean {
    if (this.#turns[place] === this.#turn) return false;
    this.#turns[place] = this.#turn;
    this.#found.push(place);
    return true;
  }

  /** With the places behind it that need no character. */
  reach(at: number): void {
    for (let next = at; this.add(2 * next); next++) {
      const token = this.tokens[next];
      if (!token || !isWild(token)) return;
    }
  }
}

/** It may stand for nothing at all. */
function isWild({ is }: Token): boolean {
  return is === 'star' || is === 'all' || is === 'names';
}
