import { randomUUID } from 'node:crypto';
import { rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ReaderOptions } from '../open.js';
import type { DirectoryQueue } from '../queue-config.js';
import type { Backlog, QueueReader, ReaderAccess, ReceivedMessage, ReceiveOptions } from '../user-queue.js';
import {
  checkPath,
  ifThere,
  inWords,
  list,
  parseName,
  prepare,
  readMessage,
  syncFolder,
  writeDurably,
} from './folders.js';

const LEASE_MS = 60_000;
/** Often enough for people, seldom enough for a disk; a watch of the folder would hear nothing on a shared one. */
const LOOK_EVERY_MS = 100;

/** A message is of the reader that moved it to `taken`; once its time there is over, of the next one that moves it. */
export class DirectoryReader implements QueueReader {
  readonly #path: string;
  readonly #leaseMs: number;
  /** Of the last listing and not taken yet, the next one last: so that a long queue is not listed for each message. */
  #waiting: string[] = [];

  constructor({ path }: DirectoryQueue, { leaseMs = LEASE_MS }: ReaderOptions) {
    checkPath(path);
    this.#path = path;
    this.#leaseMs = leaseMs;
  }

  /** Who may take files out of a folder may put files into it: that a reader sends nothing, no folder can promise. */
  async verifyAccess(): Promise<ReaderAccess> {
    await prepare(this.#path);
    await inWords(this.#path, async () => {
      await list(this.#path, 'new');
      for (const folder of ['new', 'taken'] as const) {
        const trial = join(this.#path, folder, `trial-${randomUUID()}`);
        await writeDurably(trial, '');
        await unlink(trial);
      }
    });
    return { receive: 'allowed', remove: 'allowed', send: 'unknown', remedies: [] };
  }

  async receive({ max, waitMs, signal }: ReceiveOptions): Promise<ReceivedMessage[]> {
    const until = performance.now() + waitMs;
    while (!signal.aborted) {
      await prepare(this.#path);
      const messages = await inWords(this.#path, () => this.#take(max));
      const left = until - performance.now();
      if (messages.length > 0 || left <= 0) return messages;
      await pause(Math.min(LOOK_EVERY_MS, left), undefined, { signal }).catch(() => undefined);
    }
    return [];
  }

  async remove(messages: readonly ReceivedMessage[]): Promise<void> {
    await inWords(this.#path, () =>
      Promise.all(messages.map(({ receipt }) => ifThere(unlink(this.#taken(receipt))))),
    );
  }

  async release(messages: readonly ReceivedMessage[]): Promise<void> {
    await inWords(this.#path, () =>
      Promise.all(
        messages.map(({ receipt }) => {
          const { id, deliveries } = parseName(receipt)!;
          return ifThere(rename(this.#taken(receipt), join(this.#path, 'new', `${id}.${deliveries}`)));
        }),
      ),
    );
  }

  /** Under the message's own name: put aside twice, because the first time was interrupted, it is there once. */
  async putAside({ receipt, body, deliveries, sent_at }: ReceivedMessage, reason: string): Promise<void> {
    await prepare(this.#path);
    await inWords(this.#path, async () => {
      const draft = join(this.#path, 'draft', randomUUID());
      const note = { reason, put_aside_at: new Date().toISOString(), sent_at, deliveries, body };
      await writeDurably(draft, `${JSON.stringify(note, null, 2)}\n`);
      await rename(draft, join(this.#path, 'aside', `${parseName(receipt)!.id}.json`));
      await syncFolder(join(this.#path, 'aside'));
      await ifThere(unlink(this.#taken(receipt)));
    });
  }

  async backlog(): Promise<Backlog> {
    await prepare(this.#path);
    const names = await inWords(this.#path, async () => [
      ...(await list(this.#path, 'new')),
      ...(await list(this.#path, 'taken')),
    ]);
    // Names begin with the time that they were sent.
    const [oldest] = names.sort();
    const age = oldest === undefined ? null : Date.now() - parseName(oldest)!.sentAtMs;
    return {
      messages: names.length,
      oldest_seconds: age === null ? null : Math.max(0, Math.floor(age / 1000)),
    };
  }

  async close(): Promise<void> {}

  async #take(max: number): Promise<ReceivedMessage[]> {
    const messages: ReceivedMessage[] = [];
    for (const name of await list(this.#path, 'taken')) {
      if (messages.length >= max) return messages;
      if (parseName(name)!.untilMs <= Date.now()) messages.push(...(await this.#lease('taken', name)));
    }
    if (this.#waiting.length === 0) this.#waiting = (await list(this.#path, 'new')).reverse();
    while (messages.length < max && this.#waiting.length > 0) {
      messages.push(...(await this.#lease('new', this.#waiting.pop()!)));
    }
    return messages;
  }

  /** None, where another reader was faster. */
  async #lease(folder: 'new' | 'taken', name: string): Promise<ReceivedMessage[]> {
    const { id, deliveries, sentAtMs } = parseName(name)!;
    const receipt = `${id}.${deliveries + 1}.${Date.now() + this.#leaseMs}`;
    if (!(await ifThere(rename(join(this.#path, folder, name), this.#taken(receipt))))) return [];
    const body = await readMessage(this.#taken(receipt));
    if (body === undefined) {
      await ifThere(rename(this.#taken(receipt), join(this.#path, 'aside', `${id}.unreadable`)));
      return [];
    }
    return [{ receipt, body, deliveries: deliveries + 1, sent_at: new Date(sentAtMs).toISOString() }];
  }

  #taken(receipt: string): string {
    return join(this.#path, 'taken', receipt);
  }
}
