/** Turns the raw output of a script into masked lines: bytes in, complete lines out. */
import { LOG_LINE_MAX_BYTES as LINE_MAX } from '@hybrid/contracts';
import { StringDecoder } from 'node:string_decoder';
import { visibleControls } from './control-characters.js';
import type { Masker, MaskStream } from './masking.js';
import { parseWorkflowCommand } from './workflow-command.js';

/** What could still become a line break, a marker or a colour when more arrives. */
// eslint-disable-next-line no-control-regex
const UNDECIDED = /(?:\r|\x1e[0-9a-f:\x1e]{0,48}\r?|(?:\x1b\[?|\x9b)[0-?]{0,64})$/;

/** Shown for a registered value, in whatever form it was registered. */
const ADDED_MASK = '::add-mask::***';

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
  /** The start of a line that is not complete yet. */
  #open: string | null = null;
  /** Of a line that is too long to wait for its end: what masks it, and what is masked of it. */
  #long: { masking: MaskStream; masked: string } | null = null;

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
    if (this.#open !== null) this.#finishLine('');
  }

  #take(text: string): void {
    let from = 0;
    for (const match of text.matchAll(this.#ends)) {
      const line = text.slice(from, match.index);
      from = match.index + match[0].length;
      if (match[1] === undefined) this.#finishLine(line);
      else {
        if (line !== '' || this.#open !== null) this.#finishLine(line);
        this.markers?.reached(Number(match[1]));
      }
    }
    if (from < text.length) this.#extendLine(text.slice(from));
  }

  #extendLine(text: string): void {
    this.#open = (this.#open ?? '') + text;
    if (this.#open.length > LINE_MAX) this.#emitLong(this.#open, false);
  }

  #finishLine(text: string): void {
    const line = (this.#open ?? '') + text;
    this.#open = null;
    if (this.#long || line.length > LINE_MAX) return this.#emitLong(line, true);
    const command = parseWorkflowCommand(line);
    if (command?.name === 'add-mask') {
      this.masker.add(command.text);
      return this.emit(ADDED_MASK);
    }
    const masked = visibleControls(this.masker.mask(line));
    for (const piece of splitLine(masked)) this.emit(piece);
  }

  /** Emits what is there of a line in pieces; all of it at its end. */
  #emitLong(text: string, last: boolean): void {
    this.#long ??= { masking: this.masker.stream(), masked: '' };
    this.#long.masked += visibleControls(this.#long.masking.push(text, last));
    const pieces = splitLine(this.#long.masked);
    this.#long.masked = last ? '' : (pieces.pop() ?? '');
    for (const piece of pieces) this.emit(piece);
    this.#open = last ? null : '';
    if (last) this.#long = null;
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
