/** Where commands write. Results go to stdout; warnings and what is not the result go to stderr. */
export interface Output {
  readonly format: 'text' | 'json';
  line(text?: string): void;
  json(value: unknown): void;
  note(text: string): void;
}

export function terminalOutput(format: 'text' | 'json'): Output {
  return {
    format,
    line: (text = '') => void process.stdout.write(`${text}\n`),
    json: (value) => void process.stdout.write(`${JSON.stringify(value, null, 2)}\n`),
    note: (text) => void process.stderr.write(`${text}\n`),
  };
}
