/** What a size looks like: `1073741824`, `512m`, `512MiB`, `1.5g`. */
export const SIZE_PATTERN = '^[0-9]{1,15}(\\.[0-9]{1,3})?([kKmMgGtT][iI]?[bB]?|[bB])?$';

const POWERS = ['b', 'k', 'm', 'g', 't'];

/** Bytes of a size; units count in 1024s, as Docker reads them. Undefined if it is none. */
export function sizeBytes(text: string | number): number | undefined {
  const match = new RegExp(SIZE_PATTERN).exec(String(text));
  if (!match) return undefined;
  const unit = (match[2]?.[0] ?? 'b').toLowerCase();
  const bytes = Math.round(Number.parseFloat(match[0]) * 1024 ** POWERS.indexOf(unit));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
