import { runService } from '@hybrid/service';
import { QueueModule } from './app.module.js';

await runService('queue', QueueModule);
