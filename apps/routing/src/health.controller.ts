import { healthRequest } from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Connections } from '@hybrid/service';

@MessageController()
export class HealthController {
  constructor(private readonly connections: Connections) {}

  @Handle(healthRequest('routing'))
  health() {
    return this.connections.health('routing');
  }
}
