/** Real servers, two replicas of the identity service, and what they tell the others. */
import {
  ACCESS_CHANGED_SUBJECT,
  identityRequests,
  type AccessChanged,
  type CallContext,
  type Grant,
  type PublicEvent,
  type Request,
  type VouchedUser,
} from '@hybrid/contracts';
import { streamName, type EventMetadata } from '@hybrid/event-store';
import { callBy, startPlatform, type Platform } from '@hybrid/test-platform';
import { hash, randomBytes } from 'node:crypto';
import { IdentityModule } from './app.module.js';

export const ADDRESS = '203.0.113.9';

export interface SpecEvent {
  type: string;
  data: Record<string, unknown>;
  metadata: EventMetadata;
}

export class IdentityBench {
  /** Subjects of what gateways were told to forget. */
  readonly forgotten: string[] = [];
  readonly published: PublicEvent[] = [];
  readonly user = callBy('user', 'u1');
  private written = 0n;

  private constructor(readonly platform: Platform) {}

  static async start(): Promise<IdentityBench> {
    const bench = new IdentityBench(await startPlatform());
    const { nats } = bench.platform.connections;
    nats.subscribe(ACCESS_CHANGED_SUBJECT, {
      callback: (_, message) => void bench.forgotten.push(message.json<AccessChanged>().subject),
    });
    nats.subscribe('evt.>', {
      callback: (_, message) => void bench.published.push(message.json<PublicEvent>()),
    });
    await nats.flush();
    await bench.platform.serve(IdentityModule);
    await bench.platform.serve(IdentityModule);
    return bench;
  }

  stop(): Promise<void> {
    return this.platform.stop();
  }

  /** By somebody of the organisation, from `ADDRESS`. */
  call(org: string, id = 'root'): CallContext {
    return { ...callBy('user', id, org), address: ADDRESS };
  }

  readonly send = <I, O>(request: Request<I, O>, input: I, call: CallContext = this.user) =>
    this.platform.connections.requests.send(request, input, {
      ...call,
      wrote: (position) => {
        if (position > this.written) this.written = position;
      },
    });

  /** Asks for lists that know of everything that was sent here before. */
  fresh(call: CallContext = this.user): CallContext {
    return { ...call, atLeast: this.written };
  }

  async organisation(name: string): Promise<CallContext> {
    const call = this.call(name);
    await this.send(identityRequests.createOrganisation, { organisation: name }, call);
    return call;
  }

  /** Answers what its secret holder shows. */
  async invite(roles: Grant[], call: CallContext, expires_in_seconds?: number) {
    const secret = newInvitation();
    await this.send(identityRequests.invite, { ...secret, roles, expires_in_seconds }, call);
    return secret;
  }

  async join(user: VouchedUser, roles: Grant[], call: CallContext) {
    const invitation = await this.invite(roles, call);
    return this.send(identityRequests.signIn, { user, invitation }, call);
  }

  /** Oldest first; none where there is no stream. */
  async stream(category: string, id: string): Promise<SpecEvent[]> {
    const events: SpecEvent[] = [];
    const reading = this.platform.connections.eventStore.readStream(streamName(category, id));
    try {
      for await (const { event } of reading) if (event) events.push(event as unknown as SpecEvent);
    } catch (error) {
      if ((error as { type?: string }).type !== 'stream-not-found') throw error;
    }
    return events;
  }
}

/** As the gateway makes secrets: the first half of the digest is the id. */
export function newSecret(): { id: string; sha256: string } {
  const sha256 = hash('sha256', randomBytes(32), 'hex');
  return { id: sha256.slice(0, 32), sha256 };
}

export function newInvitation(): { invitation_id: string; sha256: string } {
  const { id, sha256 } = newSecret();
  return { invitation_id: id, sha256 };
}
