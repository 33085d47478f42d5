import type { QueueConfig } from './queue-config.js';

/** Which queue, for people: `redis stream hybrid at queue.example.com`. */
export function queueReference(config: QueueConfig): string {
  switch (config.kind) {
    case 'directory':
      return `folder ${config.path}`;
    case 'nats':
      return `nats stream ${config.stream} at ${hostOf(config.url)}`;
    case 'redis':
      return `redis stream ${config.stream} at ${hostOf(config.url)}`;
    case 'sqs':
      return `sqs queue ${lastPart(config.queue_url)} in ${config.region}`;
    case 'azure_storage_queue':
      return `azure storage queue ${config.queue} at ${hostOf(config.account_url)}`;
    case 'azure_service_bus':
      return `azure service bus queue ${config.queue} at ${config.namespace}`;
    case 'azure_event_grid':
      return `azure event grid subscription ${config.topic}/${config.subscription} at ${hostOf(config.endpoint)}`;
    case 'gcp_pubsub':
      return `pub/sub subscription ${config.subscription} of project ${config.project}`;
  }
}

/** Without a port or anything else that a URL may hold. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : 'an address that is no URL';
}

function lastPart(url: string): string {
  return URL.canParse(url) ? (new URL(url).pathname.split('/').at(-1) ?? '') : 'at an address that is no URL';
}
