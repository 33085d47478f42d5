/** `0.4 s`, `12 s`, `3 min 05 s`, `2 h 07 min`. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${two(whole % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

/** Between two RFC 3339 times; an empty text when one of them is missing. */
export function between(start: string | null, end: string | null): string {
  return start && end ? duration(Date.parse(end) - Date.parse(start)) : '';
}

/** How long ago, for lists. */
export function ago(time: string | null, now: number): string {
  return time ? `${duration(now - Date.parse(time))} ago` : 'never';
}

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** Of `90s`, `30m`, `12h` or `7d`; null for anything else. */
export function secondsOf(text: string): number | null {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  return count && unit ? Number(count) * UNITS[unit]! : null;
}

function two(value: number): string {
  return value.toString().padStart(2, '0');
}
