import { projectionOperations } from '@hybrid/service';
import { Module } from '@nestjs/common';
import { DeploymentController } from './deployments/deployment.controller.js';
import { DeploymentProcess } from './deployments/deployment.process.js';
import { Deployments } from './deployments/deployments.js';

@Module({
  controllers: [projectionOperations('deployments'), DeploymentController, DeploymentProcess],
  providers: [Deployments],
})
export class DeploymentsModule {}
