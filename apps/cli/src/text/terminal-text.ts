/** What a step wrote, made fit for a terminal: colours may stay, anything that moves the cursor or sets the title may not. */

/* eslint-disable no-control-regex -- control characters are what this file is about */
const COLOUR = /^\u001b\[[0-9;:]*m/;
// An escape sequence: CSI … final byte, OSC/DCS/APC/PM … terminator, or ESC and one character.
const ESCAPE = /\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])?/g;
const CONTROL = /[\u0000-\u0008\u000a-\u001a\u001c-\u001f\u007f-\u009f]/g;
/* eslint-enable no-control-regex */

/** One line for the terminal; `colours` false removes colours too. */
export function terminalText(text: string, colours: boolean): string {
  const plain = text
    .replace(/\r+$/, '')
    // A progress bar overwrites its line: the last state is what counts.
    .replace(/^[^]*\r/, '')
    .replace(ESCAPE, (sequence) => (colours && COLOUR.test(sequence) ? sequence : ''))
    .replace(CONTROL, '');
  return colours && plain.includes('\u001b') ? `${plain}\u001b[0m` : plain;
}
