/** Every service and the gateway in one process, for one machine. They still talk through NATS only. */
import { AgentsModule } from '@hybrid/agents';
import { DeploymentsModule } from '@hybrid/deployments';
import { openGateway } from '@hybrid/gateway';
import { IdentityModule } from '@hybrid/identity';
import { PipelinesModule } from '@hybrid/pipelines';
import { QueueModule } from '@hybrid/queue';
import { RegistryModule } from '@hybrid/registry';
import { RoutingModule } from '@hybrid/routing';
import { Connections, guard, readSettings, sayReady, ServerSettings, stopOnSignal } from '@hybrid/service';
import { startTelemetry } from '@hybrid/telemetry';

await guard('standalone', async () => {
  const stopTelemetry = await startTelemetry('standalone', { metrics: true });
  const connections = await Connections.open(readSettings(ServerSettings, 'standalone'), 'standalone');
  const { app, port } = await openGateway(connections, [
    QueueModule,
    PipelinesModule,
    AgentsModule,
    RegistryModule,
    IdentityModule,
    DeploymentsModule,
    RoutingModule,
  ]);
  stopOnSignal('standalone', async () => {
    connections.beginStop();
    await app.close();
    await stopTelemetry();
  });
  sayReady('standalone', { port });
});
