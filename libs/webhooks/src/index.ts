export { readTool } from './read-tool.js';
export { receive } from './receive.js';
export type { Received, ReducedEvent, WebhookRefusal, WebhookRequest } from './received.js';
export { secretFault } from './secrets.js';
export type { ToolConfig } from './tool-config.js';
export { toolSchema } from './tool-config.schema.js';
