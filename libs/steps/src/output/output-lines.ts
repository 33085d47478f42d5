/** Turns the raw output of a script into masked lines: bytes in, complete lines out. */
import { StringDecoder } from 'node:string_decoder';
import { visibleControls } from './control-characters.js';
import type { Masker, MaskStream } from './masking.js';

/** Bytes. Longer lines are split, so that one line cannot fill a message. */
export const LINE_MAX = 16 * 1024;

/** What could still become a line break, a marker or a colour when more arrives. */
// eslint-disable-next-line no-control-regex
const UNDECIDED = /(?:\r|\x1e[0-9a-f:\x1e]{0,48}\r?|\x1b(?:\[[0-9;:]{0,32})?)$/;

/** Written by the script between its commands. The nonce keeps ordinary output from looking like one. */
export interface Markers {
  nonce: string;
  reached(command: number): void;
}

/** Shell line that writes the marker of a command. */
export function markerLine(nonce: string, command: number): string {
  return `printf '\\036%s:%s\\036\\n' '${nonce}' ${command}`;
}

export class OutputLines {
  readonly #decoder = new StringDecoder('utf8');
  readonly #ends: RegExp;
  #undecided = '';
  /** The line that is not complete yet: its masked part, and the masker that holds back the rest. */
  #open: { text: string; masking: MaskStream } | null = null;

  constructor(
    private readonly masker: Masker,
    private readonly emit: (line: string) => void,
    private readonly markers?: Markers,
  ) {
    this.#ends = markers
      ? new RegExp(`\\x1e${markers.nonce}:(\\d+)\\x1e\\r?\\n|\\r\\n|\\n|\\r`, 'g')
      : /\r\n|\n|\r/g;
  }

  write(chunk: Buffer): void {
    const text = this.#undecided + this.#decoder.write(chunk);
    const held = UNDECIDED.exec(text);
    this.#undecided = held?.[0] ?? '';
    this.#take(held ? text.slice(0, held.index) : text);
  }

  /** Emits what is left. */
  end(): void {
    this.#take(this.#undecided + this.#decoder.end());
    this.#undecided = '';
    if (this.#open) this.#finishLine('');
  }

  #take(text: string): void {
    let from = 0;
    for (const match of text.matchAll(this.#ends)) {
      const line = text.slice(from, match.index);
      from = match.index + match[0].length;
      if (match[1] === undefined) this.#finishLine(line);
      else {
        if (line !== '' || this.#open) this.#finishLine(line);
        this.markers?.reached(Number(match[1]));
      }
    }
    if (from < text.length) this.#extendLine(text.slice(from));
  }

  #extendLine(text: string): void {
    this.#open ??= { text: '', masking: this.masker.stream() };
    this.#open.text += this.#open.masking.push(visibleControls(text));
    const pieces = splitLine(this.#open.text);
    this.#open.text = pieces.pop() ?? '';
    for (const piece of pieces) this.emit(piece);
  }

  #finishLine(text: string): void {
    const line = this.#open
      ? this.#open.text + this.#open.masking.push(visibleControls(text), true)
      : this.masker.mask(visibleControls(text));
    this.#open = null;
    for (const piece of splitLine(line)) this.emit(piece);
  }
}

/** The line in pieces of at most LINE_MAX bytes; never cut inside a character. */
export function splitLine(line: string): string[] {
  if (line.length * 3 <= LINE_MAX) return [line];
  const pieces: string[] = [];
  const encoder = new TextEncoder();
  const room = new Uint8Array(LINE_MAX);
  let rest = line;
  do {
    const { read } = encoder.encodeInto(rest, room);
    pieces.push(rest.slice(0, read));
    rest = rest.slice(read);
  } while (rest !== '');
  return pieces;
}
