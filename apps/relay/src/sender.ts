/** Takes what is in the journal to the queue, in order: signed, in batches, again and again until the queue has it. */
import { faultOf, signDelivery } from '@hybrid/delivery';
import { Backoff } from '@hybrid/steps';
import { QueueError, type QueueWriter } from '@hybrid/user-queue';
import { Bell } from './bell.js';
import type { RelayKey } from './control-plane/registration.js';
import type { Batch, Journal } from './journal/journal.js';
import type { Notify } from './notices.js';

/** Webhooks at a time. */
const BATCH = 100;
const BATCH_BYTES = 512 * 1024;
/** Milliseconds between two tries while the queue is away. */
const PAUSE_MAX_MS = 10_000;

export interface SenderOptions {
  journal: Journal;
  /** At first. */
  writer: QueueWriter;
  key: RelayKey;
  /** What to sign as; nothing while the relay is not registered. */
  relayId(): string | undefined;
  sent(count: number): void;
  notify: Notify;
}

export class Sender {
  readonly #bell = new Bell();
  #writer: QueueWriter;
  #underWay: Promise<unknown> = Promise.resolve();
  #problem: string | undefined;
  #oldest: string | undefined;
  #stopping = false;

  constructor(private readonly options: SenderOptions) {
    this.#writer = options.writer;
  }

  /** Why the queue does not take what waits; nothing while it does. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Seconds that the oldest delivery waits; 0 where none does. */
  get lagSeconds(): number {
    if (this.#oldest === undefined) return 0;
    return Math.max(0, Math.round((Date.now() - Date.parse(this.#oldest)) / 1000));
  }

  /** Whatever is not sent yet goes there. The writer from before ends what it began, and is closed. */
  async use(writer: QueueWriter): Promise<void> {
    const before = this.#writer;
    this.#writer = writer;
    await this.#underWay;
    await before.close().catch(() => undefined);
  }

  /** There is more, or somebody to sign as. */
  wake(): void {
    this.#bell.ring();
  }

  /** Lets `run` end as soon as nothing is left that can be sent now. */
  stop(): void {
    this.#stopping = true;
    this.#bell.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { journal, relayId } = this.options;
    const backoff = new Backoff(PAUSE_MAX_MS);
    while (!signal.aborted) {
      try {
        const batch = await journal.next(BATCH, BATCH_BYTES);
        this.#oldest = batch?.entries[0]?.deliveries[0].received_at;
        const id = relayId();
        if (batch && id) {
          await this.#send(batch, id);
          backoff.reset();
        } else if (this.#stopping) return;
        else await this.#bell.wait(signal);
      } catch (error) {
        this.#failed(error as Error);
        if (this.#stopping) return;
        await backoff.pause(signal).catch(() => undefined);
      }
    }
  }

  async #send(batch: Batch, relay_id: string): Promise<void> {
    const { journal, key, sent, notify } = this.options;
    const all = batch.entries
      .flatMap(({ deliveries }) => deliveries)
      .map((delivery) => ({ ...delivery, relay_id }));
    // What another version of the relay took may be none by this one's rules: it must not hold up what is behind it.
    const fitting = all.filter((delivery) => faultOf(delivery) === null);
    const signed = await Promise.all(fitting.map((delivery) => signDelivery(delivery, key)));
    if (signed.length > 0) await this.#put(signed);
    await journal.sent(batch);
    sent(signed.length);
    for (const { id, ...delivery } of all.filter((one) => !fitting.includes(one)))
      notify(`the delivery ${id} is left out, it is in the ledger: ${faultOf({ id, ...delivery })}`);
    const damaged = batch.count - batch.entries.length;
    if (damaged > 0) notify(`${damaged} line(s) of the journal are damaged and were left out`);
    if (this.#problem !== undefined) notify('the queue takes deliveries again');
    this.#problem = undefined;
  }

  async #put(signed: string[]): Promise<void> {
    const sending = this.#writer.send(signed);
    this.#underWay = sending.catch(() => undefined);
    await sending;
  }

  /** Each problem is told once. */
  #failed(error: Error): void {
    const problem = error instanceof QueueError ? `${error.code}: ${error.message}` : error.message;
    if (problem !== this.#problem)
      this.options.notify(`deliveries wait on disk: ${problem}; trying again until it is mended`);
    this.#problem = problem;
  }
}
