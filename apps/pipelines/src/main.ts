import { runService } from '@hybrid/service';
import { PipelinesModule } from './app.module.js';

await runService('pipelines', PipelinesModule);
