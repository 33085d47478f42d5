import { healthRequest } from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Connections } from '@hybrid/service';

@MessageController()
export class HealthController {
  constructor(private readonly connections: Connections) {}

  @Handle(healthRequest('identity'))
  health() {
    return this.connections.health('identity');
  }
}
