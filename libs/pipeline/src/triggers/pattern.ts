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

/** Of one pattern with its braces written out; more are not looked at. */
const MAX_ALTERNATIVES = 64;

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

function matchesGlob(glob: string, text: string): boolean {
  return alternativesOf(glob).some((one) => matchesTokens(tokensOf(one), text));
}

/** `{a,b}/c` → `a/c`, `b/c`; `a/**` is the folder itself, too. */
function alternativesOf(glob: string): string[] {
  const done: string[] = [];
  const open = [glob];
  while (open.length > 0 && done.length + open.length <= MAX_ALTERNATIVES) {
    const next = open.shift()!;
    const braces = /\{([^{}]*,[^{}]*)\}/.exec(next);
    if (!braces) done.push(next);
    else
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
  /** Places in the tokens that the text so far leads to; within the name of a `names`: the place + 0.5. */
  let places = new Set<number>();
  reach(places, tokens, 0);
  for (const char of text) {
    const next = new Set<number>();
    for (const place of places) {
      const at = Math.floor(place);
      const token = tokens[at];
      switch (token?.is) {
        case 'char':
          if (token.char === char) reach(next, tokens, at + 1);
          break;
        case 'one':
          if (char !== '/') reach(next, tokens, at + 1);
          break;
        case 'class':
          if (token.within(char)) reach(next, tokens, at + 1);
          break;
        case 'star':
          if (char !== '/') reach(next, tokens, at);
          break;
        case 'all':
          reach(next, tokens, at);
          break;
        case 'names':
          if (char !== '/') next.add(at + 0.5);
          else reach(next, tokens, at);
          break;
        case undefined:
      }
    }
    places = next;
  }
  return places.has(tokens.length);
}

/** With the places behind it that need no character. */
function reach(places: Set<number>, tokens: readonly Token[], at: number): void {
  for (let place = at; ; place++) {
    places.add(place);
    const is = tokens[place]?.is;
    if (is !== 'star' && is !== 'all' && is !== 'names') return;
  }
}
