/** The file that HYBRID_PROGRESS names: the last line says how far the step is, as `42`, `42 compiling` or `compiling`. */
import { pause } from '../sandbox/backoff.js';

/** Milliseconds until the file is looked at for the first time, and between two looks: more reports would not be kept. */
const FIRST_LOOK_MS = 1_000;
const LOOK_MS = 5_000;

export interface Progress {
  /** 0 to 100. */
  percent?: number;
  message?: string;
}

/** What the last line says; nothing where there is none. Never throws: progress is for people. */
export function parseProgress(text: string): Progress | undefined {
  const line = text.trimEnd().split('\n').at(-1)?.trim() ?? '';
  if (line === '') return undefined;
  const [, number, rest = ''] = /^(\d{1,3}(?:\.\d+)?)\s?%?(?:\s+(.*))?$/.exec(line) ?? [];
  if (number === undefined || Number(number) > 100) return { message: line };
  return { percent: Number(number), ...(rest && { message: rest }) };
}

/** Tells each change until the signal aborts; what cannot be read or told is left out. */
export async function followProgress(
  read: () => Promise<string>,
  tell: (progress: Progress) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let before: string | undefined;
  for (let ms = FIRST_LOOK_MS; ; ms = LOOK_MS) {
    await pause(ms, signal).catch(() => undefined);
    if (signal.aborted) return;
    const progress = parseProgress(await read().catch(() => ''));
    const now = JSON.stringify(progress);
    if (progress && now !== before) await tell(progress).catch(() => undefined);
    before = now;
  }
}
