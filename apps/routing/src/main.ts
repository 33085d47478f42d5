import { runService } from '@hybrid/service';
import { RoutingModule } from './app.module.js';

await runService('routing', RoutingModule);
