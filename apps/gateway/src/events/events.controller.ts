import { EVENTS_STREAM, WatchEvents, type PublicEvent } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Controller, Get, Headers, Query, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import type { FastifyReply } from 'fastify';
import { Caller } from '../edge/caller.js';
import { sendEvents, type SseMessage } from '../edge/server-sent-events.js';

/** Era of the stream and sequence in it. Anything else is an id of somebody else's making and means nothing. */
const EVENT_ID = /^(\d{1,15})-(\d{1,15})$/;

/** Live changes of the caller's organisation. */
@ApiTags('dashboard')
@ApiBearerAuth()
@Controller('api/dashboard/events')
export class EventsController {
  constructor(private readonly connections: Connections) {}

  /** Server-sent events from now on, or from after `Last-Event-ID`. At least once: go by `event_id`. */
  @Get()
  watch(
    @Query() { run_id }: WatchEvents,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Caller() caller: Caller,
    @Res() reply: FastifyReply,
  ): void {
    sendEvents(reply, this.connections.stopping, (signal) =>
      this.open(caller.org, run_id, lastEventId, signal),
    );
  }

  private async open(
    org: string,
    runId: string | undefined,
    lastEventId: string | undefined,
    signal: AbortSignal,
  ) {
    const client = jetstream(this.connections.nats);
    const manager = await client.jetstreamManager();
    const { created } = await manager.streams.info(EVENTS_STREAM);
    // A stream that was created anew counts from one again: ids of the old one mean nothing to it.
    const era = Date.parse(created);
    const [, seenEra, seen] = EVENT_ID.exec(lastEventId ?? '') ?? [];
    const resume = !seen
      ? { deliver_policy: DeliverPolicy.New }
      : Number(seenEra) === era
        ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Number(seen) + 1 }
        : { deliver_policy: DeliverPolicy.All };
    const consumer = await client.consumers.get(EVENTS_STREAM, {
      filter_subjects: `evt.${org}.>`,
      ...resume,
    });
    const messages = await consumer.consume({ max_messages: 200 });
    signal.addEventListener('abort', () => void messages.close(), { once: true });
    return (async function* (): AsyncGenerator<SseMessage> {
      for await (const message of messages) {
        const event = message.json<PublicEvent<{ run_id?: string | null }>>();
        if (runId && event.data.run_id !== runId) continue;
        yield { id: `${era}-${message.seq}`, event: event.type, data: event };
      }
    })();
  }
}
