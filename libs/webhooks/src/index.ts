export type { Received, ReducedEvent, WebhookRefusal, WebhookRequest } from './received.js';
