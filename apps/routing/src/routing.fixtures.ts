/** Real servers, replicas of the routing service, queues in folders, relays that sign, and in place of the pipelines service one that answers as a spec says. */
import {
  healthRequest,
  pipelinesRequests,
  problem,
  routingRequests,
  type CallContext,
  type Delivery,
  type FireTriggers,
  type RegisterRelayCommand,
  type Request,
  type RunView,
  type StartByRoute,
} from '@hybrid/contracts';
import { deliveryId, newRelayKey, signDelivery } from '@hybrid/delivery';
import { Handle, MessageController } from '@hybrid/messaging';
import { callBy, startPlatform, type Platform } from '@hybrid/test-platform';
import { openWriter } from '@hybrid/user-queue';
import { Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { hash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { RoutingModule } from './app.module.js';

/** Above what a turn takes on a busy machine: else replicas would take the messages from each other for ever. */
export const FAST = { HYBRID_QUEUE_LEASE_SECONDS: '5' };

/** A repository that no stored pipeline is of. */
export const NO_PIPELINES = 'acme/attic';

export interface FakePipelines {
  fired: FireTriggers[];
  started: StartByRoute[];
  /** Refuses, or breaks; null: answers. */
  fault: ((deliveryId: string) => Error | null) | null;
  stop(): Promise<void>;
}

export class RoutingBench {
  readonly admin = callBy('user', 'someone');
  readonly folder: string;

  private constructor(readonly platform: Platform) {
    this.folder = join(platform.directory, 'queues');
  }

  static async start(): Promise<RoutingBench> {
    const bench = new RoutingBench(await startPlatform());
    await mkdir(bench.folder);
    Object.assign(process.env, bench.settings);
    return bench;
  }

  /** The service's own. */
  get settings(): Record<string, string> {
    return { ...FAST, HYBRID_QUEUE_DIRECTORIES: this.folder, HYBRID_RELAY_OFFLINE_SECONDS: '5' };
  }

  /** Starts a replica; answers how to stop it. */
  replica(): Promise<() => Promise<void>> {
    return this.platform.serve(RoutingModule);
  }

  stop(): Promise<void> {
    return this.platform.stop();
  }

  readonly send = <I, O>(request: Request<I, O>, input: I, call: CallContext = this.admin) =>
    this.platform.connections.requests.send(request, input, call);

  /** The text of a configuration with a queue in a folder of its own. */
  configuration(name: string, more: object = {}): string {
    return stringify({
      version: 1,
      name,
      environment: 'test',
      queue: { kind: 'directory', path: this.pathOf(name) },
      routes: { rules: [] },
      ...more,
    });
  }

  pathOf(name: string): string {
    return join(this.folder, name);
  }

  async put(connection: string, more: object = {}, call = this.admin) {
    await mkdir(this.pathOf(connection), { recursive: true });
    const configuration = this.configuration(connection, more);
    return this.send(
      routingRequests.putConnection,
      { connection, configuration, external_id: 'hybrid-1' },
      call,
    );
  }

  /** A registered relay, which puts what it signs onto the connection's queue. */
  async relay(connection: string, more: Partial<RegisterRelayCommand> = {}, call = this.admin) {
    const key = newRelayKey();
    const secret = randomUUID();
    const relay_id = randomUUID();
    const request: RegisterRelayCommand = {
      name: 'dmz',
      connection,
      public_key: key.x,
      relay_id,
      key_sha256: hash('sha256', secret, 'hex'),
      joined_by: { kind: 'installation', id: 'administrator' },
      ...more,
    };
    const view = await this.send(routingRequests.registerRelay, request, call);
    const writer = await openWriter({ kind: 'directory', path: this.pathOf(connection) });
    return {
      request,
      view,
      key,
      relay_id,
      /** As many as told, each of another payload; answers them. */
      async deliver(...wanted: Partial<Delivery>[]): Promise<Delivery[]> {
        const deliveries = wanted.map((one) => delivery({ relay_id, ...one }));
        await writer.send(await Promise.all(deliveries.map((one) => signDelivery(one, key))));
        return deliveries;
      },
      put: (text: string) => writer.send([text]),
    };
  }

  /** Texts of the files in a folder of the connection's queue. */
  async files(connection: string, folder: 'new' | 'taken' | 'aside'): Promise<string[]> {
    const path = join(this.pathOf(connection), folder);
    return Promise.all((await readdir(path)).map((name) => readFile(join(path, name), 'utf8')));
  }

  async eventsOf(stream: string): Promise<string[]> {
    const events: string[] = [];
    for await (const { event } of this.platform.connections.eventStore.readStream(stream))
      events.push(event!.type);
    return events;
  }

  /** The same delivery and pipeline have the same run, as in the real one. */
  async pipelines(): Promise<FakePipelines> {
    const pipelines: FakePipelines = { fired: [], started: [], fault: null, stop: () => Promise.resolve() };
    const check = (deliveryId: string) => {
      const fault = pipelines.fault?.(deliveryId);
      if (fault) throw fault;
    };

    @MessageController()
    class Pipelines {
      @Handle(pipelinesRequests.fireTriggers)
      fire(@Payload() input: FireTriggers) {
        check(input.delivery_id);
        pipelines.fired.push(input);
        const isOfNone = input.event.repository === NO_PIPELINES;
        const runs = isOfNone ? [] : [{ pipeline: 'build', run_id: runOf(input.delivery_id) }];
        return { runs, passed_over: [] };
      }

      @Handle(pipelinesRequests.startByRoute)
      start(@Payload() input: StartByRoute) {
        check(input.delivery_id);
        pipelines.started.push(input);
        return { id: runOf(input.delivery_id) } as RunView;
      }

      @Handle(healthRequest('pipelines'))
      health() {
        return { service: 'pipelines', status: 'healthy' as const, dependencies: {} };
      }
    }
    @Module({ controllers: [Pipelines] })
    class PipelinesModule {}
    pipelines.stop = await this.platform.serve(PipelinesModule);
    return pipelines;
  }
}

export function runOf(deliveryId: string): string {
  return `run-of-${deliveryId}`;
}

export const gone = () => problem('not_found', 'pipeline_not_found', 'there is no such pipeline');
export const away = () => problem('unavailable', 'event_store_unavailable', 'try again');

/** A push to main of a payload that no other has. */
export function delivery(more: Partial<Delivery> = {}): Delivery {
  const keyed_sha256 = hash('sha256', randomUUID(), 'hex');
  const whole: Delivery = {
    v: 1,
    id: '',
    relay_id: '',
    source: 'github',
    tool: 'github',
    kind: 'push',
    event: 'push',
    action: null,
    delivery: null,
    received_at: new Date().toISOString(),
    payload: { bytes: 100, keyed_sha256, key_id: 'k1' },
    metadata: {
      repository: 'acme/web',
      clone_url: 'https://github.com/acme/web.git',
      branch: 'main',
      commit: '6113728f27ae82c7b1a177c8d03f9e96e0adf246',
      author: 'octocat',
      paths: ['src/app.ts'],
      paths_complete: true,
    },
    ...more,
  };
  return { ...whole, id: more.id ?? deliveryId(whole.source, whole.payload.keyed_sha256) };
}
