import { projectionOperations } from '@hybrid/service';
import { Module } from '@nestjs/common';
import { PipelineController } from './pipelines/pipeline.controller.js';
import { Pipelines } from './pipelines/pipelines.js';
import { RunController } from './runs/run.controller.js';
import { RunProcess } from './runs/run.process.js';
import { Runs } from './runs/runs.js';

@Module({
  controllers: [projectionOperations('pipelines'), PipelineController, RunController, RunProcess],
  providers: [Pipelines, Runs],
})
export class PipelinesModule {}
