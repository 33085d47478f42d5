/**
 * Whether a subject is one of those that a trust rule's pattern stands for. `*` is any characters but `:` and `/`, so that
 * `repo:acme/*` is neither `repo:acme-evil/x` nor `repo:acme/shop:ref:main`. In linear time, whatever is asked.
 */
export function fitsSubject(pattern: string, subject: string): boolean {
  const wanted = pattern.split(SEPARATORS);
  const given = subject.split(SEPARATORS);
  return wanted.length === given.length && wanted.every((part, index) => fitsPart(part, given[index]!));
}

/** Captured, so that they are parts themselves. */
const SEPARATORS = /([:/])/;

function fitsPart(pattern: string, text: string): boolean {
  const [start, ...middle] = pattern.split('*') as [string, ...string[]];
  const end = middle.pop();
  if (end === undefined) return pattern === text;
  if (!text.startsWith(start)) return false;
  let at = start.length;
  for (const piece of middle) {
    const found = text.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return text.length - end.length >= at && text.endsWith(end);
}
