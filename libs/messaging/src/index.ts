export { Answering } from './answering.js';
export { connectNats } from './connection.js';
export { callHeaders } from './call-headers.js';
export { ask } from './replies.js';
export { Requests } from './requests.js';
export { ensureStreams } from './streams.js';
export { Handle, MessageController, OnBroadcast, OnEvents } from './handlers.js';
export { NatsStrategy, type Reach } from './nats.strategy.js';
export { isNatsUser, NATS_USERS, natsPermissions, type NatsUser } from './permissions.js';
