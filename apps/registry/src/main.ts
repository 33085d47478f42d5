import { runService } from '@hybrid/service';
import { RegistryModule } from './app.module.js';

await runService('registry', RegistryModule);
