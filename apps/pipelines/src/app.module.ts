import { projectionOperations } from '@hybrid/service';
import { Module } from '@nestjs/common';
import { PipelineController } from './pipelines/pipeline.controller.js';
import { Pipelines } from './pipelines/pipelines.js';
import { RunGroups } from './groups/run-groups.js';
import { RunController } from './runs/run.controller.js';
import { RunDeadlines } from './runs/run-deadlines.process.js';
import { RunProcess } from './runs/run.process.js';
import { Runs } from './runs/runs.js';
import { TestHistory } from './tests/test-history.js';

@Module({
  controllers: [projectionOperations('pipelines'), PipelineController, RunController, RunProcess],
  providers: [Pipelines, Runs, RunGroups, RunDeadlines, TestHistory],
})
export class PipelinesModule {}
