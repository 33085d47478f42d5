/** A consumer of a group that keeps what it hears. */
import type {
  PersistentAction,
  PersistentSubscriptionToAll,
  PersistentSubscriptionToAllResolvedEvent,
  PersistentSubscriptionToStream,
  PersistentSubscriptionToStreamResolvedEvent,
} from '@eventstore/db-client';

export type Subscription = PersistentSubscriptionToAll | PersistentSubscriptionToStream;
export type Given = PersistentSubscriptionToAllResolvedEvent | PersistentSubscriptionToStreamResolvedEvent;
/** What a consumer does with an event: nothing, or settle it. */
export type Answer = 'hold' | 'ack' | PersistentAction;

const open: Heard[] = [];

/** Listens to a subscription and answers each event, always the same or as `answer` says. */
export function heard(
  subscription: Subscription,
  answer: Answer | ((event: Given) => Answer) = 'hold',
): Heard {
  const heard = new Heard(subscription, typeof answer === 'string' ? () => answer : answer);
  open.push(heard);
  return heard;
}

/** Ends all that `heard` began. */
export async function closeHeard(): Promise<void> {
  for (const each of open.splice(0)) await each.unsubscribe();
}

export class Heard {
  readonly events: Given[] = [];
  confirmed = false;
  error: Error | undefined;

  constructor(
    readonly subscription: Subscription,
    private answer: (event: Given) => Answer,
  ) {
    subscription.on('confirmation', () => (this.confirmed = true));
    subscription.on('error', (error: Error) => (this.error = error));
    subscription.on('data', (event: Given) => {
      this.events.push(event);
      this.settle(event);
    });
  }

  /** Acks what it held, and whatever comes. */
  goOn(): void {
    this.answer = () => 'ack';
    for (const event of [...this.events]) this.settle(event);
  }

  private settle(event: Given): void {
    const then = this.answer(event);
    if (then === 'hold') return;
    const settled =
      then === 'ack' ? this.subscription.ack(event) : this.subscription.nack(then, `told to ${then}`, event);
    // A call that has just ended cannot be written to; its events come again.
    settled.catch(() => undefined);
  }

  /** Revisions of the events themselves, not of links to them, in the order of arrival. */
  get revisions(): number[] {
    return this.events.map(({ event }) => Number(event?.revision ?? -1));
  }

  /** `<revision>#<retries>`. */
  get tries(): string[] {
    return this.events.map(({ event, retryCount }) => `${event?.revision}#${retryCount}`);
  }

  async unsubscribe(): Promise<void> {
    if (!this.error) await this.subscription.unsubscribe();
  }
}
