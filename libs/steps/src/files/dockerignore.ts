/** Which files of a build's context are sent to the engine: `.dockerignore`, by Docker's rules. */

interface Rule {
  segments: string[];
  takesBack: boolean;
}

export class Dockerignore {
  readonly #rules: Rule[];
  readonly #takesBack: boolean;

  /** `always` are sent whatever the rules say: the builder needs them. */
  constructor(
    text: string,
    private readonly always: string[] = [],
  ) {
    this.#rules = text
      .replace(/^\ufeff/, '')
      .split(/\r?\n/)
      .filter((line) => !line.startsWith('#') && line.trim() !== '')
      .map((line) => line.trim())
      .map((line) => ({ takesBack: line.startsWith('!'), segments: segmentsOf(line.replace(/^!/, '')) }))
      .filter(({ segments }) => segments.length > 0);
    this.#takesBack = this.#rules.some(({ takesBack }) => takesBack);
  }

  /** True where the file or folder is sent. The last rule that speaks of it, or of a folder above it, decides. */
  keeps(path: string): boolean {
    if (this.always.includes(path)) return true;
    const parts = path.split('/');
    const above = parts.map((_, index) => parts.slice(0, index + 1));
    const last = this.#rules.findLast(({ segments }) => above.some((one) => matches(segments, one)));
    return last === undefined || last.takesBack;
  }

  /** True where something in the folder could be sent. */
  enters(folder: string): boolean {
    return this.#takesBack || this.keeps(folder) || this.always.some((path) => path.startsWith(`${folder}/`));
  }
}

function segmentsOf(pattern: string): string[] {
  const segments: string[] = [];
  for (const segment of pattern.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.' && !(segment === '**' && segments.at(-1) === '**'))
      segments.push(segment);
  }
  // What lies in the folder, not the folder.
  if (segments.at(-1) === '**') segments.push('*');
  return segments;
}

/** Steps back to the last `**` only, so that no pattern takes long. */
function matches(pattern: string[], path: string[]): boolean {
  return wildcard(pattern.length, path.length, {
    any: (at) => pattern[at] === '**',
    one: (at, index) => segmentMatches(pattern[at] ?? '', path[index] ?? ''),
  });
}

/** `*` any text, `?` any character, `[a-z]` and `[^a-z]` one of some, `\` before a character takes its meaning. */
function segmentMatches(pattern: string, text: string): boolean {
  const pieces = pattern.match(/\\.|\[\^?(?:\\.|[^\]\\])+\]|\*+|./gsu) ?? [];
  const characters = [...text];
  return wildcard(pieces.length, characters.length, {
    any: (at) => pieces[at]?.startsWith('*') === true,
    one: (at, index) => pieceMatches(pieces[at] ?? '', characters[index] ?? ''),
  });
}

function pieceMatches(piece: string, character: string): boolean {
  if (piece === '?') return true;
  if (piece.startsWith('\\')) return piece.slice(1) === character;
  if (!piece.startsWith('[') || piece.length === 1) return piece === character;
  const negated = piece.startsWith('[^');
  const set = piece.slice(negated ? 2 : 1, -1).replace(/\\(.)/gsu, '$1');
  let found = false;
  const members = [...set];
  for (let at = 0; at < members.length; at++) {
    const from = members[at] ?? '';
    const isRange = members[at + 1] === '-' && at + 2 < members.length;
    const to = isRange ? (members[at + 2] ?? '') : from;
    if (isRange) at += 2;
    found ||= from <= character && character <= to;
  }
  return found !== negated;
}

/** Matches a pattern with wildcards for any number of things, in at most `pattern` × `things` steps. */
function wildcard(
  pattern: number,
  things: number,
  is: { any: (at: number) => boolean; one: (at: number, index: number) => boolean },
): boolean {
  let at = 0;
  let index = 0;
  let star = -1;
  let starIndex = 0;
  while (index < things) {
    if (at < pattern && is.any(at)) {
      star = at++;
      starIndex = index;
    } else if (at < pattern && is.one(at, index)) {
      at++;
      index++;
    } else if (star >= 0) {
      at = star + 1;
      index = ++starIndex;
    } else return false;
  }
  while (at < pattern && is.any(at)) at++;
  return at === pattern;
}
