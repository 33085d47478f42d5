import { projectionOperations } from '@hybrid/service';
import { Module } from '@nestjs/common';
import { ArtifactController } from './artifacts/artifact.controller.js';
import { Artifacts } from './artifacts/artifacts.js';
import { Retention } from './artifacts/retention.process.js';

@Module({
  controllers: [projectionOperations('registry'), ArtifactController],
  providers: [Artifacts, Retention],
})
export class RegistryModule {}
