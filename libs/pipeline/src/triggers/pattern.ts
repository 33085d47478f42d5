/**
 * Globs of branches, tags and paths: `*` and `?` within a name, `**` across names, `[a-z]`, `{a,b}`; a leading `!` takes
 * back. They are matched character by character for all possibilities at once, in a time that is bounded by the product of
 * both lengths: made into a regular expression, `a*a*a*a*a*b` takes minutes for a branch that somebody names to that end.
 */

type Token =
  | { is: 'char'; char: string }
  | { is: 'one' }
  | { is: 'class'; within: (char: string) => boolean }
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

/**
 * Whether the text fits: the last pattern that says something about it decides. Empty, or with patterns that take back
 * alone: everything else fits.
 */
export function matches(patterns: readonly string[], text: string): boolean {
  let fits = patterns.every((pattern) => pattern.startsWith('!'));
  for (const pattern of patterns) {
    const takesBack = pattern.startsWith('!');
    if (matchesGlob(takesBack ? pattern.slice(1) : pattern, text)) fits = !takesBack;
  }
  return fits;
}

const known = new Map<string, Token[][]>();

function matchesGlob(glob: string, text: string): boolean {
  const alternatives = known.get(glob) ?? alternativesOf(glob).map(tokensOf);
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(glob, alternatives);
  return alternatives.some((one) => matchesTokens(one, text));
}

/** `{a,b}/c` → `a/c`, `b/c`; `a/**` is the folder itself, too. */
function alternativesOf(glob: string): string[] {
  const done: string[] = [];
  const open = [glob];
  let written = 0;
  while (open.length > 0 && done.length + open.length <= MAX_ALTERNATIVES && written <= MAX_WRITTEN_OUT) {
    const next = open.shift()!;
    const braces = /\{([^{}]*,[^{}]*)\}/.exec(next);
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
      tokens.push({ is: 'class', within: classOf(set[2]!, set[1] !== '') });
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

function classOf(members: string, negated: boolean): (char: string) => boolean {
  const ranges = [...members.matchAll(/(.)-(.)|(.)/gsu)].map(
    ([, from, to, one]) => [from ?? one!, to ?? one!] as const,
  );
  return (char) => char !== '/' && ranges.some(([from, to]) => from <= char && char <= to) !== negated;
}

function matchesTokens(tokens: readonly Token[], text: string): boolean {
  const places = new Places(tokens);
  places.reach(0);
  for (const char of text) {
    const now = places.turn();
    if (now.length === 0) return false;
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
      const is = this.tokens[next]?.is;
      if (is !== 'star' && is !== 'all' && is !== 'names') return;
    }
  }
}
