import { Connections, guard, readSettings, sayReady, ServerSettings, stopOnSignal } from '@hybrid/service';
import { startTelemetry } from '@hybrid/telemetry';
import { openGateway } from './open-gateway.js';

await guard('gateway', async () => {
  const stopTelemetry = await startTelemetry('gateway', { metrics: true });
  const connections = await Connections.open(readSettings(ServerSettings, 'gateway'), 'gateway');
  const { app, port } = await openGateway(connections, []);
  stopOnSignal('gateway', async () => {
    connections.beginStop();
    await app.close();
    await stopTelemetry();
  });
  sayReady('gateway', { port });
});
