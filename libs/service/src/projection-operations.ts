/** Answers for the read models of a service: how they fare, build one anew, apply again what was parked. */
import {
  problem,
  projectionRequests,
  type ProjectionAddress,
  type ProjectionView,
  type RebuildView,
  type ReplayedProjection,
} from '@hybrid/contracts';
import type { Projector } from '@hybrid/event-store';
import { Handle, MessageController } from '@hybrid/messaging';
import type { Type } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Connections } from './connections.js';

/** The controller for the service's module. `service` is its name, and the schema of its read models. */
export function projectionOperations(service: string): Type {
  const requests = projectionRequests(service);

  @MessageController()
  class ProjectionOperations {
    constructor(private readonly connections: Connections) {}

    @Handle(requests.list)
    async list(): Promise<{ projections: ProjectionView[] }> {
      const projectors = this.connections.projectorsOf(service);
      return { projections: await Promise.all(projectors.map((projector) => projector.view())) };
    }

    @Handle(requests.rebuild)
    rebuild(@Payload() { name }: ProjectionAddress): Promise<RebuildView> {
      return this.find(name).rebuild();
    }

    @Handle(requests.replay)
    replay(@Payload() { name }: ProjectionAddress): Promise<ReplayedProjection> {
      return this.find(name).replay();
    }

    private find(name: string): Projector {
      const projectors = this.connections.projectorsOf(service);
      const found = projectors.find(({ projection }) => projection.name === name);
      if (found) return found;
      const known = projectors.map(({ projection }) => projection.name).join(', ');
      throw problem(
        'not_found',
        'projection_unknown',
        `${service} has no projection ${name}; it has ${known}`,
      );
    }
  }
  return ProjectionOperations;
}
