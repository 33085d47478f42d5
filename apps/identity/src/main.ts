import { runService } from '@hybrid/service';
import { IdentityModule } from './app.module.js';

await runService('identity', IdentityModule);
