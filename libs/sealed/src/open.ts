/**
 * Reads sealed logs and artifacts with the customer's key. No import of Node: a page in a browser uses the same.
 *
 * A chunk of a log says inside which job and attempt it is of, and at which line it begins; so whoever stores chunks can
 * neither swap nor reorder them, nor leave one out, without the reader's saying so.
 */
import type { LogLine } from '@hybrid/contracts';
import { Decrypter } from 'age-encryption';
import { keyName, recipientOf } from './keys.js';
import { SealedError } from './sealed-error.js';
import type { ArtifactHead } from './seal-artifact.js';
import type { ChunkHead } from './seal-log.js';

export { readIdentities } from './keys.js';
export { SealedError } from './sealed-error.js';

export type StoredLine = LogLine & { attempt: number };

export interface OpenedLines {
  lines: StoredLine[];
  /** For people: what is missing, came out of order, or was not sealed at all. */
  warnings: string[];
}

interface Progress {
  /** `seq` of the line that comes next. */
  next: number;
  sealed: boolean;
  ended: boolean;
  saidClear: boolean;
}

/** Reads the log of one job from its first line on, in the order in which the API answers it. */
export class SealedLog {
  readonly #attempts = new Map<number, Progress>();

  constructor(
    private readonly key: SealedReader,
    private readonly job: string,
  ) {}

  /** Lines that were not sealed come as they are. Throws SealedError. */
  async open(line: StoredLine): Promise<OpenedLines> {
    const { attempt } = line;
    const progress = this.#attempts.get(attempt) ?? {
      next: 0,
      sealed: false,
      ended: false,
      saidClear: false,
    };
    this.#attempts.set(attempt, progress);
    if (!line.sealed) {
      const warnings = progress.saidClear ? [] : [`attempt ${attempt} has lines that were not sealed`];
      progress.saidClear = true;
      return { lines: [line], warnings };
    }
    progress.sealed = true;
    const { head, lines } = await this.#read(line);
    if (head.job !== this.job || head.attempt !== attempt)
      throw new SealedError(
        'swapped',
        `a part of this log belongs to job ${head.job}, attempt ${head.attempt}: the control plane has swapped it`,
      );
    return {
      lines: lines.map((one) => ({ ...one, attempt })),
      warnings: this.#follow(progress, head, lines, attempt),
    };
  }

  /** Attempts whose last line did not come: they still run, their agent died, or lines are withheld. */
  get withoutEnd(): number[] {
    return [...this.#attempts]
      .filter(([, { sealed, ended }]) => sealed && !ended)
      .map(([attempt]) => attempt);
  }

  async #read(line: StoredLine): Promise<{ head: ChunkHead; lines: LogLine[] }> {
    const text = new TextDecoder().decode(await this.key.open(bytesOf(line.text), line.sealed?.for));
    const [head = '', ...rows] = text.split('\n');
    return { head: JSON.parse(head) as ChunkHead, lines: rows.map((row) => JSON.parse(row) as LogLine) };
  }

  #follow(progress: Progress, head: ChunkHead, lines: LogLine[], attempt: number): string[] {
    const { next } = progress;
    if (head.end) progress.ended = true;
    progress.next = Math.max(next, (lines.at(-1)?.seq ?? head.first - 1) + 1);
    if (head.first === next) return [];
    return [
      head.first > next
        ? `lines ${next} to ${head.first - 1} of attempt ${attempt} are missing`
        : `lines from ${head.first} on of attempt ${attempt} come out of order, or twice`,
    ];
  }
}

/** The customer's keys, ready to open what is sealed for one of them. */
export class SealedReader {
  readonly #decrypter = new Decrypter();
  readonly #names: Promise<string[]>;

  /** @param identities `AGE-SECRET-KEY-1…`, as `readIdentities` answers them. */
  constructor(identities: readonly string[]) {
    for (const identity of identities) this.#decrypter.addIdentity(identity);
    this.#names = Promise.all(identities.map(async (one) => keyName(await recipientOf(one))));
  }

  log(job: string): SealedLog {
    return new SealedLog(this, job);
  }

  /** @param sealedFor names of the keys, where they are known. Throws SealedError. */
  async open(bytes: Uint8Array, sealedFor?: readonly string[]): Promise<Uint8Array> {
    try {
      return await this.#decrypter.decrypt(bytes);
    } catch (cause) {
      throw await this.#problem(cause, sealedFor);
    }
  }

  /**
   * Streams what an artifact holds. Throws SealedError, `swapped` where it is another artifact; the stream fails where
   * bytes are not as they were sealed, so what came of it before must not be used.
   */
  async openArtifact(
    sealed: ReadableStream<Uint8Array>,
    expected: Pick<ArtifactHead, 'execution' | 'key'>,
  ): Promise<{ type: string; bytes: ReadableStream<Uint8Array> }> {
    let clear: ReadableStream<Uint8Array>;
    try {
      clear = await this.#decrypter.decrypt(sealed);
    } catch (cause) {
      throw await this.#problem(cause);
    }
    const { head, bytes } = await splitHead(clear);
    if (head.execution !== expected.execution || head.key !== expected.key)
      throw new SealedError(
        'swapped',
        `this is the artifact ${head.key} of ${head.execution}, not ${expected.key} of ${expected.execution}: the store has swapped it`,
      );
    return { type: head.type, bytes };
  }

  async #problem(cause: unknown, sealedFor?: readonly string[]): Promise<SealedError> {
    const own = await this.#names;
    const mine = sealedFor?.some((name) => own.includes(name));
    if (mine) return new SealedError('damaged', 'this is not what was sealed: bytes have changed', { cause });
    const whose = sealedFor ? `for ${sealedFor.join(', ')}` : 'for another key, or damaged';
    return new SealedError('other-key', `this is sealed ${whose}; the key given is ${own.join(', ')}`, {
      cause,
    });
  }
}

/** Bytes of an artifact's head, at most. */
const HEAD_MAX = 4096;

async function splitHead(
  clear: ReadableStream<Uint8Array>,
): Promise<{ head: ArtifactHead; bytes: ReadableStream<Uint8Array> }> {
  const reader = clear.getReader();
  let had = new Uint8Array();
  let at = -1;
  while (at < 0) {
    const { done, value } = await reader.read();
    if (done || had.length > HEAD_MAX) throw new SealedError('damaged', 'this is no sealed artifact');
    had = Uint8Array.from([...had, ...value]);
    at = had.indexOf(10);
  }
  const head = JSON.parse(new TextDecoder().decode(had.subarray(0, at))) as ArtifactHead;
  const rest = had.subarray(at + 1);
  const bytes = new ReadableStream<Uint8Array>({
    start(controller) {
      if (rest.length > 0) controller.enqueue(rest);
    },
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return { head, bytes };
}

function bytesOf(base64: string): Uint8Array {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch (cause) {
    throw new SealedError('damaged', 'a part of this log is no base64', { cause });
  }
}
