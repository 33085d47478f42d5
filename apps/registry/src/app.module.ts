import { projectionOperations } from '@hybrid/service';
import { Module } from '@nestjs/common';
import { ArtifactController } from './artifacts/artifact.controller.js';
import { Artifacts } from './artifacts/artifacts.js';

@Module({ controllers: [projectionOperations('registry'), ArtifactController], providers: [Artifacts] })
export class RegistryModule {}
