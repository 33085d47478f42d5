import { healthRequest } from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Connections } from '@hybrid/service';
import { RoutingSettings, unsafeRoutingSettings } from './routing.settings.js';

@MessageController()
export class HealthController {
  constructor(
    private readonly connections: Connections,
    private readonly settings: RoutingSettings,
  ) {}

  @Handle(healthRequest('routing'))
  async health() {
    const health = await this.connections.health('routing');
    return { ...health, findings: [...(health.findings ?? []), ...unsafeRoutingSettings(this.settings)] };
  }
}
