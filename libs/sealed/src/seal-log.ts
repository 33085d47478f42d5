/** Log lines on their way out, sealed in chunks: each is one age file in base64, sent as one line of the log. */
import type { LogLine } from '@hybrid/contracts';
import { Encrypter } from 'age-encryption';
import { checkRecipients, keyName } from './keys.js';

/**
 * Bytes of lines in a chunk. Room for the longest line (16 KiB of nothing but colours, in JSON), and, with ten
 * recipients, for base64 within SEALED_LINE_MAX_BYTES.
 */
const CHUNK_MAX = 44 * 1024;

/** The first line within a chunk; the lines follow as NDJSON. */
export interface ChunkHead {
  job: string;
  attempt: number;
  /** `seq` of its first line. */
  first: number;
  /** No line comes after it. */
  end?: true;
}

export type LogOf = Pick<ChunkHead, 'job' | 'attempt'>;

export class LogSealer {
  private constructor(
    private readonly encrypter: Encrypter,
    private readonly names: string[],
  ) {}

  /** Throws SealedError `bad-key`. */
  static async open(recipients: readonly string[]): Promise<LogSealer> {
    checkRecipients(recipients);
    const encrypter = new Encrypter();
    for (const recipient of recipients) encrypter.addRecipient(recipient);
    return new LogSealer(encrypter, await Promise.all(recipients.map(keyName)));
  }

  /** @param ndjson whole lines. Answers NDJSON as well: a line for each chunk, its `seq` that of the chunk's last line. */
  async seal(of: LogOf, ndjson: string): Promise<string> {
    let sealed = '';
    for (const texts of chunksOf(ndjson)) {
      const { seq: first } = JSON.parse(texts[0]!) as LogLine;
      const { seq, time } = JSON.parse(texts.at(-1)!) as LogLine;
      sealed += await this.#chunk({ ...of, first }, texts, { seq, time });
    }
    return sealed;
  }

  /** Says that nothing comes from `seq` on: without it a log whose end is withheld would look whole. */
  end(of: LogOf, seq: number): Promise<string> {
    return this.#chunk({ ...of, first: seq, end: true }, [], { seq, time: new Date().toISOString() });
  }

  async #chunk(head: ChunkHead, texts: string[], place: { seq: number; time: string }): Promise<string> {
    const bytes = await this.encrypter.encrypt([JSON.stringify(head), ...texts].join('\n'));
    const line: LogLine = {
      ...place,
      stream: 'system',
      text: Buffer.from(bytes).toString('base64'),
      sealed: { lines: texts.length, for: this.names },
    };
    return `${JSON.stringify(line)}\n`;
  }
}

function* chunksOf(ndjson: string): Generator<string[]> {
  let texts: string[] = [];
  let size = 0;
  for (const text of ndjson.split('\n')) {
    if (text === '') continue;
    const bytes = Buffer.byteLength(text) + 1;
    if (size + bytes > CHUNK_MAX && texts.length > 0) {
      yield texts;
      texts = [];
      size = 0;
    }
    texts.push(text);
    size += bytes;
  }
  if (texts.length > 0) yield texts;
}
