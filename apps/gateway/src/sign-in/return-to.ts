/** Where people go once they are signed in, unless told. */
export const HOME = '/auth/sign-in';
/** Of no site: whatever leaves it leads elsewhere. */
const BASE = 'http://gateway.invalid';

/**
 * A path of this site for a Location header, or `HOME` for anything that a browser might take for another site: read
 * as browsers read it, and again after decoding, for a proxy on the way may decode it.
 */
export function safeReturnTo(text: unknown): string {
  if (typeof text !== 'string' || text.length > 2_000 || !isPath(text)) return HOME;
  let decoded = text;
  for (let round = 0; round < 3; round += 1) {
    try {
      decoded = decodeURIComponent(decoded.split(/[?#]/)[0]!);
    } catch {
      return HOME;
    }
    if (!isPath(decoded)) return HOME;
  }
  const { pathname, search, hash } = new URL(text, BASE);
  return pathname + search + hash;
}

/** Control characters and backslashes have no business in a path; browsers drop the former and turn the latter. */
function isPath(text: string): boolean {
  // eslint-disable-next-line no-control-regex
  if (!/^\/(?![/\\])[^\\\u0000-\u001f\u007f]*$/.test(text)) return false;
  try {
    const url = new URL(text, BASE);
    return url.origin === BASE && !url.pathname.startsWith('//');
  } catch {
    return false;
  }
}
