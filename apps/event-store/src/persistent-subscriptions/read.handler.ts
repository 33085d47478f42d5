/** PersistentSubscriptions.Read: one consumer of a group, from its options to its end. */
import pb from '@eventstore/db-client/generated/persistent_pb.js';
import type { handleBidiStreamingCall, ServerDuplexStream } from '@grpc/grpc-js';
import type { IdForm } from '../grpc/read-responses.js';
import { ReplyStream, type OpenCalls } from '../grpc/reply-stream.js';
import { uuidText } from '../grpc/requests.js';
import { BadRequestError } from '../grpc/rpc-failure.js';
import { StoreClosedError } from '../store/store-errors.js';
import type { Delivery, NackAction } from './consumer-group.js';
import { toGroupServiceError } from './group-errors.js';
import { confirmation, eventMessage } from './group-messages.js';
import { groupStream } from './group-requests.js';
import { ALL } from './group-settings.js';
import type { Groups } from './groups.js';
import { Latencies } from './latencies.js';
import { Rate } from './rate.js';
import type { GroupConsumer, RunningGroup } from './running-group.js';

type Call = ServerDuplexStream<pb.ReadReq, pb.ReadResp>;

export function readHandler(
  groups: Groups,
  openCalls: OpenCalls,
): handleBidiStreamingCall<pb.ReadReq, pb.ReadResp> {
  return (call) => {
    const replies = new ReplyStream<pb.ReadResp>(call, openCalls);
    let consumer: ConsumerCall | undefined;
    let ended = false;
    const end = (error: unknown) => {
      if (ended) return;
      ended = true;
      consumer?.leave();
      if (!call.cancelled) call.emit('error', toGroupServiceError(error));
    };
    replies.closing.addEventListener('abort', () => end(new StoreClosedError()));
    call.on('data', (request: pb.ReadReq) => {
      if (ended) return;
      try {
        if (consumer) consumer.settle(request);
        else consumer = connect(groups, call, replies, end, request.getOptions());
      } catch (error) {
        end(error);
      }
    });
  };
}

/** Throws GroupError when there is no such group or no place in it, BadRequestError for a request without sense. */
function connect(
  groups: Groups,
  call: Call,
  replies: ReplyStream<pb.ReadResp>,
  drop: (error: Error) => void,
  options: pb.ReadReq.Options | undefined,
): ConsumerCall {
  if (!options) throw new BadRequestError('The first message of the call must be its options.');
  const name = options.getGroupName();
  const stream = options.hasAll() ? ALL : groupStream(options.getStreamIdentifier(), name);
  const size = options.getBufferSize();
  if (size < 1) throw new BadRequestError(`The buffer size is ${size}; it must be 1 or more.`);
  const idForm: IdForm = options.getUuidOption()?.hasString() ? 'string' : 'structured';
  const group = groups.get(stream, name);
  const consumer = new ConsumerCall(group, call, replies, idForm, size, drop);
  consumer.join();
  // Before the first event: those are sent when this turn is over.
  void replies.send(confirmation(group.key));
  return consumer;
}

class ConsumerCall implements GroupConsumer {
  held = 0;
  readonly from: string;
  readonly username = 'anonymous';
  readonly connectionName: string;
  readonly delivered = new Rate();
  readonly latencies: Latencies | undefined;
  private queue: Delivery<GroupConsumer>[] = [];
  private sending = false;

  constructor(
    private readonly group: RunningGroup,
    call: Call,
    private readonly replies: ReplyStream<pb.ReadResp>,
    private readonly idForm: IdForm,
    readonly size: number,
    readonly drop: (error: Error) => void,
  ) {
    this.from = call.getPeer();
    this.connectionName = String(call.metadata.get('connection-name')[0] ?? '<unknown>');
    this.latencies = group.definition.settings.extraStatistics ? new Latencies() : undefined;
  }

  join(): void {
    this.group.join(this);
  }

  leave(): void {
    this.queue = [];
    this.group.leave(this);
  }

  deliver(delivery: Delivery<GroupConsumer>): void {
    // A consumer that reads nothing lets its messages time out and gets others: keep those that still count.
    if (this.queue.length >= this.size) this.queue = this.queue.filter((each) => this.group.holds(each));
    this.queue.push(delivery);
    if (this.sending) return;
    this.sending = true;
    queueMicrotask(() => void this.send());
  }

  /** Throws BadRequestError for what is neither ack nor nack. */
  settle(request: pb.ReadReq): void {
    const ack = request.getAck();
    const nack = request.getNack();
    if (ack) this.group.ack(ack.getIdsList().map(uuidText));
    else if (nack)
      this.group.nack(nack.getIdsList().map(uuidText), actionOf(nack.getAction()), nack.getReason());
    else throw new BadRequestError('After its options a call may send acks and nacks only.');
  }

  /** Reads each event when its turn has come, so that a slow consumer costs one event of memory and its queue's numbers. */
  private async send(): Promise<void> {
    for (let delivery = this.queue.shift(); delivery; delivery = this.queue.shift()) {
      const event = this.group.eventFor(delivery);
      if (event) await this.replies.send(eventMessage(event, delivery.retries, this.idForm));
    }
    this.sending = false;
  }
}

function actionOf(action: pb.ReadReq.Nack.Action): NackAction {
  const { Action } = pb.ReadReq.Nack;
  switch (action) {
    case Action.UNKNOWN:
      return 'unknown';
    case Action.PARK:
      return 'park';
    case Action.RETRY:
      return 'retry';
    case Action.SKIP:
      return 'skip';
    case Action.STOP:
      return 'stop';
  }
}
