import { projectionOperations } from '@hybrid/service';
import { Module } from '@nestjs/common';
import { HealthController } from './health.controller.js';

@Module({ controllers: [projectionOperations('identity'), HealthController] })
export class IdentityModule {}
