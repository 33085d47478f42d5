/** What credentials stand for, as services told: for seconds, and not beyond a word that it is not so any more. */
import { ACCESS_CHANGED_SUBJECT, type AccessChanged } from '@hybrid/contracts';
import type { NatsConnection } from '@nats-io/transport-node';

/** The longest that a change may go unnoticed where its announcement was lost. */
const KEEP_MS = 10_000;
/** What is not asked for goes first. */
const MAX_ENTRIES = 50_000;

interface Entry {
  value: Promise<unknown>;
  until: number;
}

export class Remembered {
  private readonly entries = new Map<string, Entry>();
  private readonly watchers = new Map<string, Set<() => void>>();

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Forgets what is announced as changed, and everything once announcements may have been missed. */
  listen(nats: NatsConnection): void {
    nats.subscribe(ACCESS_CHANGED_SUBJECT, {
      callback: (error, message) => {
        if (!error) this.forget(message.json<AccessChanged>().subject);
      },
    });
    void (async () => {
      for await (const { type } of nats.status()) if (type === 'reconnect') this.entries.clear();
    })();
  }

  /** Of those who ask at once, the first one asks for all. What is refused, or fails, is asked again the next time. */
  async get<T>(subject: string, ask: () => Promise<T>): Promise<T> {
    const known = this.entries.get(subject);
    if (known && known.until > this.now()) return known.value as Promise<T>;
    const entry: Entry = { value: ask(), until: this.now() + KEEP_MS };
    this.entries.delete(subject);
    this.entries.set(subject, entry);
    if (this.entries.size > MAX_ENTRIES) this.entries.delete(this.entries.keys().next().value!);
    try {
      return (await entry.value) as T;
    } catch (error) {
      if (this.entries.get(subject) === entry) this.entries.delete(subject);
      throw error;
    }
  }

  /** For whoever has reason to believe that there is something newer. */
  async getAnew<T>(subject: string, ask: () => Promise<T>): Promise<T> {
    this.entries.delete(subject);
    return this.get(subject, ask);
  }

  /** An answer that is on its way is not kept either. */
  forget(subject: string): void {
    this.entries.delete(subject);
    for (const changed of this.watchers.get(subject) ?? []) changed();
  }

  /** For what goes on after it was let in: `changed` is called with each announcement, until the answer is called. */
  watch(subject: string, changed: () => void): () => void {
    const all = this.watchers.get(subject) ?? new Set();
    this.watchers.set(subject, all.add(changed));
    return () => {
      all.delete(changed);
      if (all.size === 0 && this.watchers.get(subject) === all) this.watchers.delete(subject);
    };
  }
}
