/** What a duration looks like: `300`, `30s`, `5m`, `2h`, `1d`. */
export const DURATION_PATTERN = '^[0-9]{1,7}[smhd]?$';

const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds of a duration such as `30s`, `5m`, `2h`, `1d` or `300` (seconds); undefined if it is none. */
export function durationSeconds(text: string | number): number | undefined {
  if (typeof text === 'number') return Number.isSafeInteger(text) && text >= 0 ? text : undefined;
  if (!new RegExp(DURATION_PATTERN).test(text)) return undefined;
  const unit = text.at(-1) as keyof typeof UNITS;
  return unit in UNITS ? Number(text.slice(0, -1)) * UNITS[unit] : Number(text);
}
