import {
  DecideGate,
  ListRuns,
  pipelinesRequests,
  RetryRun,
  StartRun,
  type RunGraph,
  type RunView,
} from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';
import { listReply } from '../edge/list-reply.js';
import { personOf, wantedBy } from './person.js';

@ApiTags('pipelines')
@ApiBearerAuth()
@Controller('api')
export class RunsController {
  constructor(private readonly connections: Connections) {}

  @Post('pipelines/:pipeline_id/runs')
  start(@Param('pipeline_id') pipeline_id: string, @Body() run: StartRun, @Caller() caller: Caller) {
    const run_id = caller.newId('run');
    return this.send(
      pipelinesRequests.startRun,
      { ...run, ...wantedBy(caller), pipeline_id, run_id },
      caller,
    );
  }

  @Get('runs')
  async list(@Query() query: ListRuns, @Caller() caller: Caller) {
    return listReply('runs', await this.send(pipelinesRequests.listRuns, query, caller));
  }

  @Get('runs/:run_id')
  get(@Param('run_id') run_id: string, @Caller() caller: Caller) {
    return this.send(pipelinesRequests.getRun, { run_id }, caller);
  }

  @Get('runs/:run_id/graph')
  async graph(@Param('run_id') run_id: string, @Caller() caller: Caller): Promise<RunGraph> {
    return graphOf(await this.send(pipelinesRequests.getRun, { run_id }, caller));
  }

  /** With its outputs, artifacts and report, however large the run is. */
  @Get('runs/:run_id/steps/:step_id')
  step(@Param('run_id') run_id: string, @Param('step_id') step_id: string, @Caller() caller: Caller) {
    return this.send(pipelinesRequests.getStep, { run_id, step_id }, caller);
  }

  /** Steps that clean up still run; asked again, those are cancelled, too. */
  @Post('runs/:run_id/cancel')
  @HttpCode(200)
  cancel(@Param('run_id') run_id: string, @Caller() caller: Caller) {
    const reason = `cancelled by ${caller.actor.id}`;
    return this.send(pipelinesRequests.cancelRun, { run_id, reason }, caller);
  }

  /** Lets a run begin that waits because its commits come from a fork. For people alone, and not for their author. */
  @Post('runs/:run_id/approve')
  @HttpCode(200)
  async approveRun(@Param('run_id') run_id: string, @Caller() caller: Caller) {
    const person = await personOf(caller, this.connections.requests);
    return this.send(pipelinesRequests.approveRun, { run_id, person }, caller);
  }

  /** A new run of the same definition, source and inputs; what does not run again is taken over. */
  @Post('runs/:run_id/retry')
  retry(@Param('run_id') run_id: string, @Body() retry: RetryRun, @Caller() caller: Caller) {
    const new_run_id = caller.newId('run');
    return this.send(
      pipelinesRequests.retryRun,
      { ...retry, ...wantedBy(caller), run_id, new_run_id },
      caller,
    );
  }

  /** By the name of its step, or the id of its instance. For people alone. */
  @Post('runs/:run_id/gates/:gate/approve')
  @HttpCode(200)
  async approve(
    @Param('run_id') run_id: string,
    @Param('gate') gate: string,
    @Body() decision: DecideGate,
    @Caller() caller: Caller,
  ) {
    const person = await personOf(caller, this.connections.requests);
    return this.send(pipelinesRequests.approveGate, { ...decision, run_id, gate, person }, caller);
  }

  @Post('runs/:run_id/gates/:gate/reject')
  @HttpCode(200)
  async reject(
    @Param('run_id') run_id: string,
    @Param('gate') gate: string,
    @Body() { reason }: DecideGate,
    @Caller() caller: Caller,
  ) {
    const person = await personOf(caller, this.connections.requests);
    return this.send(pipelinesRequests.rejectGate, { run_id, gate, reason, person }, caller);
  }

  private readonly send: Connections['requests']['send'] = (request, input, call) =>
    this.connections.requests.send(request, input, call);
}

/** A need is the id of an instance, or in a large run the name of a step with all its instances. */
function graphOf({ steps }: RunView): RunGraph {
  const named = new Map<string, string[]>();
  for (const { id, name } of steps) named.set(name, [...(named.get(name) ?? []), id]);
  const ids = new Set(steps.map(({ id }) => id));
  const instances = (need: string) => (ids.has(need) ? [need] : (named.get(need) ?? []));
  return {
    nodes: steps.map(({ id, name, type, status }) => ({ id, name, type, status })),
    edges: steps.flatMap(({ id, needs }) => needs.flatMap(instances).map((from) => ({ from, to: id }))),
  };
}
