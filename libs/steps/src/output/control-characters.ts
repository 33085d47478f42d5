/** Control characters in output: a job must not be able to draw over another line of the log. */

// Everything but tab and colour sequences. Line breaks are gone before this is applied.
// eslint-disable-next-line no-control-regex
const HARMFUL = /\x1b(?!\[[0-9;:]*m)|[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f\u2028\u2029]/g;

/** The text with each harmful character replaced by U+FFFD; replaced and not removed, so that no two parts are joined. */
export function visibleControls(text: string): string {
  return text.replace(HARMFUL, '\ufffd');
}
