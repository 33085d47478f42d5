/** Decorators that bind a controller's methods to subjects. */
import type { Request } from '@hybrid/contracts';
import { applyDecorators, Catch, Controller, UseFilters, type RpcExceptionFilter } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { throwError, type Observable } from 'rxjs';

/** Lets our errors through as they are: Nest would turn them into "Internal server error". */
@Catch()
class PassErrors implements RpcExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}

/** A controller whose methods answer messages. */
export function MessageController(): ClassDecorator {
  return applyDecorators(Controller(), UseFilters(PassErrors));
}

type Handler<O> = (...args: never[]) => O | Promise<O>;

/** Answers a request, with the type that its contract says; replicas share the subject through a queue group. */
export function Handle<I, O>(request: Request<I, O>) {
  return <H extends Handler<O>>(
    target: object,
    key: string,
    descriptor: TypedPropertyDescriptor<H>,
  ): void => {
    MessagePattern(request.subject)(target, key, descriptor);
  };
}

/** What a durable consumer is called and what it gets. */
export interface DurableConsumer {
  /** `<service>-<process>`; replicas share it. */
  durable: string;
  /** One filter, so that servers from NATS 2.9 on will do: see `eventFilter`. */
  filter: string;
  /** How often an event may fail before it is parked; 10 unless told. */
  maxTries?: number;
}

/**
 * Handles public events from the stream EVENTS: at least once. In order per thing within one replica, as long as nothing
 * is thrown: replicas share the events, and one that comes again comes later, so a handler must bear reordering. Return
 * when done; throw to get the event again later. After `maxTries` it is parked (see parked-events.ts) and somebody is
 * called; at once after a ProblemError of kind invalid, not_found, forbidden or conflict, which would come for ever
 * (the code `conflict`, a race lost too often, would not): return where such a refusal is nothing to look at. One of
 * kind unavailable is never counted.
 */
export function OnEvents(consumer: DurableConsumer): MethodDecorator {
  return EventPattern<string>(`events:${consumer.durable}`, undefined as never, {
    consumer,
  });
}

/** Receives core NATS messages that every replica shall see; at most once. */
export function OnBroadcast(subject: string): MethodDecorator {
  return EventPattern<string>(`broadcast:${subject}`, undefined as never, {
    broadcast: subject,
  });
}
