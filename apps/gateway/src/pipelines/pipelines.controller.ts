import {
  ListQuery,
  ListRuns,
  pipelinesRequests,
  PutPipeline,
  StartRun,
  type RunGraph,
} from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';
import { listReply } from '../edge/list-reply.js';

@ApiTags('pipelines')
@ApiBearerAuth()
@Controller('api')
export class PipelinesController {
  constructor(private readonly connections: Connections) {}

  @Post('pipelines')
  create(@Body() { definition }: PutPipeline, @Caller() caller: Caller) {
    return this.send(pipelinesRequests.put, { definition, create: true }, caller);
  }

  @Post('pipelines/validate')
  @HttpCode(200)
  validate(@Body() pipeline: PutPipeline, @Caller() caller: Caller) {
    return this.send(pipelinesRequests.validate, pipeline, caller);
  }

  @Get('pipelines/schema')
  schema(@Caller() caller: Caller) {
    return this.send(pipelinesRequests.schema, {}, caller);
  }

  @Get('v1/module-schemas')
  moduleSchemas(@Caller() caller: Caller) {
    return this.send(pipelinesRequests.moduleSchemas, {}, caller);
  }

  @Get('pipelines')
  async list(@Query() query: ListQuery, @Caller() caller: Caller) {
    return listReply('pipelines', await this.send(pipelinesRequests.list, query, caller));
  }

  @Get('pipelines/:pipeline_id')
  get(@Param('pipeline_id') pipeline_id: string, @Caller() caller: Caller) {
    return this.send(pipelinesRequests.get, { pipeline_id }, caller);
  }

  /** Version 1, the next version if the definition changed, or the current one. */
  @Put('pipelines/:pipeline_id')
  put(
    @Param('pipeline_id') pipeline_id: string,
    @Body() { definition }: PutPipeline,
    @Caller() caller: Caller,
  ) {
    return this.send(pipelinesRequests.put, { definition, pipeline_id }, caller);
  }

  @Delete('pipelines/:pipeline_id')
  delete(@Param('pipeline_id') pipeline_id: string, @Caller() caller: Caller) {
    return this.send(pipelinesRequests.delete, { pipeline_id }, caller);
  }

  @Post('pipelines/:pipeline_id/runs')
  startRun(@Param('pipeline_id') pipeline_id: string, @Body() run: StartRun, @Caller() caller: Caller) {
    return this.send(
      pipelinesRequests.startRun,
      { ...run, pipeline_id, run_id: caller.newId('run') },
      caller,
    );
  }

  @Get('runs')
  async listRuns(@Query() query: ListRuns, @Caller() caller: Caller) {
    return listReply('runs', await this.send(pipelinesRequests.listRuns, query, caller));
  }

  @Get('runs/:run_id')
  getRun(@Param('run_id') run_id: string, @Caller() caller: Caller) {
    return this.send(pipelinesRequests.getRun, { run_id }, caller);
  }

  @Get('runs/:run_id/graph')
  async graph(@Param('run_id') run_id: string, @Caller() caller: Caller): Promise<RunGraph> {
    const { steps } = await this.send(pipelinesRequests.getRun, { run_id }, caller);
    return {
      nodes: steps.map(({ id, name, type, status }) => ({ id, name, type, status })),
      edges: steps.flatMap(({ id, needs }) => needs.map((from) => ({ from, to: id }))),
    };
  }

  @Post('runs/:run_id/cancel')
  @HttpCode(200)
  cancelRun(@Param('run_id') run_id: string, @Caller() caller: Caller) {
    return this.send(
      pipelinesRequests.cancelRun,
      { run_id, reason: `cancelled by ${caller.actor.id}` },
      caller,
    );
  }

  private readonly send: Connections['requests']['send'] = (request, input, call) =>
    this.connections.requests.send(request, input, call);
}
