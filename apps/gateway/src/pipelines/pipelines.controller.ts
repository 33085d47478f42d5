import { DEFAULT_ORG, ListQuery, pipelinesRequests, PutPipeline, serviceCall } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { randomUUID } from 'node:crypto';
import { Caller } from '../edge/caller.js';
import { listReply } from '../edge/list-reply.js';

@ApiTags('pipelines')
@ApiBearerAuth()
@Controller('api')
export class PipelinesController {
  constructor(private readonly connections: Connections) {}

  @Post('pipelines')
  create(@Body() pipeline: PutPipeline, @Caller() caller: Caller) {
    return this.send(pipelinesRequests.put, { ...pipeline, create: true }, caller);
  }

  @Post('pipelines/validate')
  @HttpCode(200)
  validate(@Body() pipeline: PutPipeline, @Caller() caller: Caller) {
    return this.send(pipelinesRequests.validate, pipeline, caller);
  }

  /** For everybody: editors ask for it without a credential. The same for all organisations, and as long as this version runs. */
  @Get('pipelines/schema')
  @Header('cache-control', 'public, max-age=3600')
  schema() {
    return this.send(pipelinesRequests.schema, {}, serviceCall('gateway', DEFAULT_ORG, randomUUID()));
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
  put(@Param('pipeline_id') pipeline_id: string, @Body() pipeline: PutPipeline, @Caller() caller: Caller) {
    return this.send(pipelinesRequests.put, { ...pipeline, pipeline_id }, caller);
  }

  @Delete('pipelines/:pipeline_id')
  delete(@Param('pipeline_id') pipeline_id: string, @Caller() caller: Caller) {
    return this.send(pipelinesRequests.delete, { pipeline_id }, caller);
  }

  /** Tests that failed or were flaky in the latest runs, the flaky ones first. */
  @Get('pipelines/:pipeline_id/tests')
  async tests(
    @Param('pipeline_id') pipeline_id: string,
    @Query() query: ListQuery,
    @Caller() caller: Caller,
  ) {
    return listReply('tests', await this.send(pipelinesRequests.tests, { ...query, pipeline_id }, caller));
  }

  /** What the pipelines' `on` says, with the run that it started last. */
  @Get('triggers')
  async triggers(@Query() query: ListQuery, @Caller() caller: Caller) {
    return listReply('triggers', await this.send(pipelinesRequests.triggers, query, caller));
  }

  @Get('schedules')
  async schedules(@Query() query: ListQuery, @Caller() caller: Caller) {
    return listReply('schedules', await this.send(pipelinesRequests.schedules, query, caller));
  }

  private readonly send: Connections['requests']['send'] = (request, input, call) =>
    this.connections.requests.send(request, input, call);
}
