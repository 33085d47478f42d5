import { projectionOperations } from '@hybrid/service';
import { Module } from '@nestjs/common';
import { PipelineController } from './pipelines/pipeline.controller.js';
import { Pipelines } from './pipelines/pipelines.js';
import { RunGroups } from './groups/run-groups.js';
import { RunController } from './runs/run.controller.js';
import { RunDeadlines } from './runs/run-deadlines.process.js';
import { RunProcess } from './runs/run.process.js';
import { Runs } from './runs/runs.js';
import { Schedules } from './triggers/schedules.process.js';
import { TriggerController } from './triggers/trigger.controller.js';
import { Triggers } from './triggers/triggers.js';
import { TestHistory } from './tests/test-history.js';

@Module({
  controllers: [
    projectionOperations('pipelines'),
    PipelineController,
    RunController,
    TriggerController,
    RunProcess,
  ],
  providers: [Pipelines, Runs, RunGroups, RunDeadlines, Triggers, Schedules, TestHistory],
})
export class PipelinesModule {}
