/** Writes down what a subscription tells, in order, in a form that specs can compare. */
import type { AllStreamSubscription, StreamSubscription } from '@eventstore/db-client';

export type Subscription = AllStreamSubscription | StreamSubscription;
/** `confirmed`, `caught up`, `<stream>@<revision>`, `ended`, or an error. */
export type Heard = string | Error;

export class Listener {
  private readonly open: Subscription[] = [];

  /** What the subscription tells from now on; `only` leaves out events of other streams. */
  to(subscription: Subscription, only: (stream: string) => boolean = () => true): Heard[] {
    const heard: Heard[] = [];
    this.keep(subscription);
    subscription.on('confirmation', () => heard.push('confirmed'));
    // The client emits it and does not declare it.
    subscription.on('caughtUp' as never, () => heard.push('caught up'));
    subscription.on('data', ({ event }) => {
      if (event && only(event.streamId)) heard.push(`${event.streamId}@${event.revision}`);
    });
    subscription.on('end', () => heard.push('ended'));
    subscription.on('error', (error: Error) => heard.push(error));
    return heard;
  }

  /** Only ends it at `stop`. */
  keep(subscription: Subscription): void {
    this.open.push(subscription);
  }

  async stop(): Promise<void> {
    for (const subscription of this.open.splice(0)) await subscription.unsubscribe();
  }
}

/** How events of the stream at these revisions are heard. */
export function at(stream: string, ...revisions: number[]): string[] {
  return revisions.map((revision) => `${stream}@${revision}`);
}

/** 0, 1, … below `end`. */
export function upTo(end: number): number[] {
  return Array.from({ length: end }, (_, revision) => revision);
}
