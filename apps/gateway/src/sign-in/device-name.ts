/** What a browser or program calls itself, fit to be shown and kept: one line, without control characters. */
export function deviceName(userAgent: string | undefined): string | null {
  const text = (userAgent ?? '')
    .replaceAll(/[\p{C}\p{Z}]+/gu, ' ')
    .trim()
    .slice(0, 200);
  return text || null;
}
