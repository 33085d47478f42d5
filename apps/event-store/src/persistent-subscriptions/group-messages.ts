/** The messages about groups that the server sends. */
import pb from '@eventstore/db-client/generated/persistent_pb.js';
import { recordedEvent, type IdForm } from '../grpc/read-responses.js';
import type { ResolvedEvent } from '../store/links.js';
import type { GroupConsumer, RunningGroup } from './running-group.js';

export function confirmation(subscriptionId: string): pb.ReadResp {
  return new pb.ReadResp().setSubscriptionConfirmation(
    new pb.ReadResp.SubscriptionConfirmation().setSubscriptionId(subscriptionId),
  );
}

/** An event, or a link with its target; `retries` is how often it was given in vain. */
export function eventMessage({ event, link }: ResolvedEvent, retries: number, idForm: IdForm): pb.ReadResp {
  const message = new pb.ReadResp.ReadEvent().setRetryCount(retries);
  if (event) message.setEvent(recordedEvent(new pb.ReadResp.ReadEvent.RecordedEvent(), event, idForm));
  if (link) message.setLink(recordedEvent(new pb.ReadResp.ReadEvent.RecordedEvent(), link, idForm));
  const read = link ?? event;
  if (read) message.setCommitPosition(String(read.position));
  return new pb.ReadResp().setEvent(message);
}

/** What is to be known of a group; asking begins a new period for its rates. Throws DamagedRecordError. */
export function groupInfo(group: RunningGroup): pb.SubscriptionInfo {
  const { stream, group: name, settings, startFrom } = group.definition;
  const figures = group.figures;
  const rate = group.delivered.measure();
  const consumers = [...group.consumers];
  return new pb.SubscriptionInfo()
    .setEventSource(stream)
    .setGroupName(name)
    .setStatus((figures.live ? 'Live' : 'Behind') + (figures.replaying ? ', ReplayingParkedMessages' : ''))
    .setConnectionsList(consumers.map(connectionInfo))
    .setAveragePerSecond(rate.perSecond)
    .setTotalItems(String(rate.total))
    .setCountSinceLastMeasurement(String(rate.sinceLast))
    .setLastCheckpointedEventPosition(figures.checkpoint ?? '')
    .setLastKnownEventPosition(figures.lastKnown ?? '')
    .setResolveLinkTos(settings.resolveLinks)
    .setStartFrom(group.source.format(startFrom === 'end' ? -1 : startFrom))
    .setMessageTimeoutMilliseconds(settings.messageTimeoutMs)
    .setExtraStatistics(settings.extraStatistics)
    .setMaxRetryCount(settings.maxRetryCount)
    .setLiveBufferSize(settings.liveBufferSize)
    .setBufferSize(settings.historyBufferSize)
    .setReadBatchSize(settings.readBatchSize)
    .setCheckPointAfterMilliseconds(
      Number.isFinite(settings.checkpointAfterMs) ? settings.checkpointAfterMs : 0,
    )
    .setMinCheckPointCount(settings.minCheckpointCount)
    .setMaxCheckPointCount(settings.maxCheckpointCount)
    .setReadBufferCount(figures.waiting)
    .setLiveBufferCount('0')
    .setRetryBufferCount(figures.retrying)
    .setTotalInFlightMessages(consumers.reduce((sum, { held }) => sum + held, 0))
    .setOutstandingMessagesCount(figures.inFlight)
    .setNamedConsumerStrategy(settings.consumerStrategy)
    .setMaxSubscriberCount(settings.maxSubscriberCount)
    .setParkedMessageCount(String(figures.parked));
}

function connectionInfo(consumer: GroupConsumer): pb.SubscriptionInfo.ConnectionInfo {
  const rate = consumer.delivered.measure();
  const measurements = (consumer.latencies?.summary() ?? []).map(([key, value]) =>
    new pb.SubscriptionInfo.Measurement().setKey(key).setValue(String(value)),
  );
  return new pb.SubscriptionInfo.ConnectionInfo()
    .setFrom(consumer.from)
    .setUsername(consumer.username)
    .setAverageItemsPerSecond(rate.perSecond)
    .setTotalItems(String(rate.total))
    .setCountSinceLastMeasurement(String(rate.sinceLast))
    .setObservedMeasurementsList(measurements)
    .setAvailableSlots(consumer.size - consumer.held)
    .setInFlightMessages(consumer.held)
    .setConnectionName(consumer.connectionName);
}
