import { runService } from '@hybrid/service';
import { DeploymentsModule } from './app.module.js';

await runService('deployments', DeploymentsModule);
