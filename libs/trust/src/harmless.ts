/** Values that the control plane brings into commands and names: nothing that a shell or a path would obey. */

/** Nothing that quotes, expands, separates or redirects. */
const ALPHABET = /^[A-Za-z0-9._/@:+=,-]*$/;

/** Why it is not harmless; null where it is. */
export function harmOf(value: string): string | null {
  if (!ALPHABET.test(value)) return 'has other characters than letters, digits and . _ / @ : + = , -';
  if (value.startsWith('-')) return 'begins with -, as an option does';
  return value.split('/').includes('..') ? 'leads out of its folder with ..' : null;
}
