export { unpackDebianPackage } from './debian-package.js';
export {
  findDockerRegistry,
  startDockerRegistry,
  type DockerRegistry,
  type DockerRegistryOptions,
} from './docker-registry.js';
export { MissingProgramError, ProcessFailedError } from './errors.js';
export { bundleOf, startEventStore, type EventStoreOptions } from './event-store.js';
export { findNatsServer } from './find-nats-server.js';
export { findRedisServer } from './find-redis-server.js';
export { freePort } from './free-port.js';
export { startNats, type NatsOptions, type NatsServer } from './nats.js';
export { startPostgres, type PostgresOptions } from './postgres.js';
export { startRedis, type RedisOptions, type RedisServer } from './redis.js';
export {
  jsonReadyLine,
  startProcess,
  type ProcessExit,
  type ProcessIdentity,
  type ProcessOptions,
  type RunningProcess,
} from './process.js';
export { findProgram, workspaceRoot } from './programs.js';
export { keptSecret } from './secrets.js';
export { startServer, type Server, type ServerWithUrl } from './server.js';
