import {
  healthRequest,
  pipelinesRequests,
  type CallContext,
  type ListQuery,
  type PutPipeline,
} from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Connections } from '@hybrid/service';
import { pipelineSchema, stepTypes } from '@hybrid/pipeline';
import { Ctx, Payload } from '@nestjs/microservices';
import { TestHistory } from '../tests/test-history.js';
import { Pipelines } from './pipelines.js';

type OfPipeline = { pipeline_id: string };

@MessageController()
export class PipelineController {
  constructor(
    private readonly pipelines: Pipelines,
    private readonly testHistory: TestHistory,
    private readonly connections: Connections,
  ) {}

  @Handle(pipelinesRequests.put)
  put(
    @Payload() request: PutPipeline & { pipeline_id?: string; create?: boolean },
    @Ctx() call: CallContext,
  ) {
    return this.pipelines.put(request, call);
  }

  @Handle(pipelinesRequests.delete)
  delete(@Payload() { pipeline_id }: OfPipeline, @Ctx() call: CallContext) {
    return this.pipelines.delete(pipeline_id, call);
  }

  @Handle(pipelinesRequests.get)
  get(@Payload() { pipeline_id }: OfPipeline, @Ctx() call: CallContext) {
    return this.pipelines.get(pipeline_id, call.org);
  }

  @Handle(pipelinesRequests.list)
  list(@Payload() query: ListQuery, @Ctx() call: CallContext) {
    return this.pipelines.list(query, call);
  }

  @Handle(pipelinesRequests.proofOfPipeline)
  proof(@Payload() { pipeline_id, version }: OfPipeline & { version: number }, @Ctx() call: CallContext) {
    return this.pipelines.proof(pipeline_id, version, call.org);
  }

  @Handle(pipelinesRequests.tests)
  async tests(@Payload() { pipeline_id, ...query }: ListQuery & OfPipeline, @Ctx() call: CallContext) {
    const tests = await this.testHistory.list(pipeline_id, query, call);
    // A pipeline that was deleted has its tests still; one that never was is refused.
    if (tests.total === 0) await this.pipelines.get(pipeline_id, call.org);
    return tests;
  }

  @Handle(pipelinesRequests.validate)
  validate(@Payload() pipeline: PutPipeline) {
    return this.pipelines.validate(pipeline);
  }

  @Handle(pipelinesRequests.schema)
  schema() {
    return pipelineSchema;
  }

  @Handle(pipelinesRequests.moduleSchemas)
  moduleSchemas() {
    return { modules: Object.entries(stepTypes).map(([type, schema]) => ({ type, schema })) };
  }

  @Handle(healthRequest('pipelines'))
  health() {
    return this.connections.health('pipelines');
  }
}
