/** Control characters in output: a job must not be able to draw over another line of the log. */

// Everything but tab and colour sequences. Line breaks are gone before this is applied.
// eslint-disable-next-line no-control-regex
const HARMFUL = /\x1b(?!\[[0-9;:]*m)|[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f\u2028\u2029]/g;

/** What a terminal does not show: control sequences as a whole, and single control characters but for tab. */
// eslint-disable-next-line no-control-regex
const UNSEEN = /(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,4}[@-~]|[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]/g;
// eslint-disable-next-line no-control-regex
const MAY_BE_UNSEEN = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]/;

/** The text with each harmful character replaced by U+FFFD; replaced and not removed, so that no two parts are joined. */
export function visibleControls(text: string): string {
  return text.replace(HARMFUL, '\ufffd');
}

export interface SeenText {
  text: string;
  /** Where a character of `text` stands in the original; for its length, the original's length. */
  place(index: number): number;
}

/** What a person sees of the text: no colours, no control characters. */
export function seenText(original: string): SeenText {
  if (!MAY_BE_UNSEEN.test(original)) return { text: original, place: (index) => index };
  let text = '';
  let from = 0;
  /** Of each piece between unseen ones: where it begins in `text`, and how much was left out before it. */
  const pieces: { at: number; skipped: number }[] = [];
  const piece = (to: number): void => {
    if (to === from) return;
    pieces.push({ at: text.length, skipped: from - text.length });
    text += original.slice(from, to);
  };
  for (const unseen of original.matchAll(UNSEEN)) {
    piece(unseen.index);
    from = unseen.index + unseen[0].length;
  }
  piece(original.length);
  return {
    text,
    place(index) {
      if (index >= text.length) return original.length;
      let low = 0;
      let high = pieces.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (pieces[middle]!.at <= index) low = middle;
        else high = middle - 1;
      }
      return index + pieces[low]!.skipped;
    },
  };
}
