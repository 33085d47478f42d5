import {
  healthRequest,
  registryRequests,
  type ArtifactAddress,
  type CallContext,
  type ListQuery,
  type RegisterArtifact,
} from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Connections } from '@hybrid/service';
import { Ctx, Payload } from '@nestjs/microservices';
import { Artifacts } from './artifacts.js';

@MessageController()
export class ArtifactController {
  constructor(
    private readonly artifacts: Artifacts,
    private readonly connections: Connections,
  ) {}

  @Handle(registryRequests.writeChunk)
  writeChunk(
    @Payload() { upload_id, offset, bytes }: { upload_id: string; offset: number; bytes: Uint8Array },
    @Ctx() call: CallContext,
  ) {
    return this.artifacts.writeChunk(upload_id, offset, bytes, call);
  }

  @Handle(registryRequests.commit)
  commit(@Payload() request: Parameters<Artifacts['commit']>[0], @Ctx() call: CallContext) {
    return this.artifacts.commit(request, call);
  }

  @Handle(registryRequests.abort)
  abort(@Payload() { upload_id }: { upload_id: string }, @Ctx() call: CallContext) {
    return this.artifacts.abort(upload_id, call);
  }

  @Handle(registryRequests.register)
  register(@Payload() request: ArtifactAddress & RegisterArtifact, @Ctx() call: CallContext) {
    return this.artifacts.register(request, call);
  }

  @Handle(registryRequests.upload)
  upload(@Payload() { upload_id }: { upload_id: string }, @Ctx() call: CallContext) {
    return this.artifacts.upload(upload_id, call);
  }

  @Handle(registryRequests.get)
  get(@Payload() address: ArtifactAddress, @Ctx() call: CallContext) {
    return this.artifacts.get(address, call);
  }

  @Handle(registryRequests.readChunk)
  readChunk(@Payload() address: ArtifactAddress & { offset: number }, @Ctx() call: CallContext) {
    return this.artifacts.readChunk(address, call);
  }

  @Handle(registryRequests.list)
  list(@Payload() query: ListQuery & { execution_id?: string }, @Ctx() call: CallContext) {
    return this.artifacts.list(query, call);
  }

  @Handle(registryRequests.delete)
  delete(@Payload() address: ArtifactAddress, @Ctx() call: CallContext) {
    return this.artifacts.delete(address, call);
  }

  @Handle(healthRequest('registry'))
  health() {
    return this.connections.health('registry');
  }
}
