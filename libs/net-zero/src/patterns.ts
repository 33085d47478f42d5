import picomatch from 'picomatch';

/**
 * Whether the text fits: the last pattern that says something about it decides, and a leading `!` takes back. Only
 * patterns that take back: everything else fits.
 */
export function matches(patterns: readonly string[], text: string): boolean {
  let fits = patterns.every((pattern) => pattern.startsWith('!'));
  for (const pattern of patterns) {
    const takesBack = pattern.startsWith('!');
    if (picomatch.isMatch(text, takesBack ? pattern.slice(1) : pattern, { dot: true })) fits = !takesBack;
  }
  return fits;
}
