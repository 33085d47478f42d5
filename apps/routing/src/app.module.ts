import { projectionOperations } from '@hybrid/service';
import { Module } from '@nestjs/common';
import { HealthController } from './health.controller.js';

@Module({ controllers: [projectionOperations('routing'), HealthController] })
export class RoutingModule {}
