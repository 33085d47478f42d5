import { runService } from '@hybrid/service';
import { AgentsModule } from './app.module.js';

await runService('agents', AgentsModule);
