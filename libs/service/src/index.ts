export { Connections, ConnectionsModule } from './connections.js';
export { PeriodicTask } from './periodic-task.js';
export { isPrivateAddress, isPrivateHost } from './private-address.js';
export { projectionOperations } from './projection-operations.js';
export { guard, runService, sayReady, stopOnSignal } from './run-service.js';
export { readSettings, ServerSettings, SettingsError } from './settings.js';
