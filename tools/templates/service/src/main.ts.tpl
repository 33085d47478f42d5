import { runService } from '@hybrid/service';
import { __Service__Module } from './app.module.js';

await runService('__service__', __Service__Module);
