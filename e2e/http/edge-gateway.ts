/** The gateway by itself, with services in place of the real ones: what they were asked is what got past its edges. */
import {
  agentsRequests,
  healthRequest,
  identityRequests,
  problem,
  type KeyAccess,
  type Refusal,
  type ServiceHealth,
} from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { bundleOf, startProcess, type RunningProcess } from '@hybrid/servers';
import { startPlatform, type Platform } from '@hybrid/test-platform';
import { Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { ask, type Ask } from './client.js';

export const ADMIN = 'a'.repeat(40);
export const JOIN = 'j'.repeat(40);
/** A key without a role; of nobody. */
export const CREDENTIAL = tokenOf('hyk', 'c'.repeat(43));
export const WRONG = tokenOf('hyk', 'x'.repeat(43));

export class EdgeGateway {
  url = '';
  /** How many keys the identity service was asked about, and how many agents came to register. */
  looked = 0;
  registered = 0;
  readonly refusals: Refusal[] = [];
  private process: RunningProcess | undefined;

  private constructor(private readonly platform: Platform) {}

  static async open(): Promise<EdgeGateway> {
    const platform = await startPlatform();
    const gateway = new EdgeGateway(platform);
    await platform.serve(servicesOf(gateway));
    return gateway;
  }

  /** Removed at the end. */
  get directory(): string {
    return this.platform.directory;
  }

  async start(env: NodeJS.ProcessEnv = {}): Promise<void> {
    this.looked = this.registered = this.refusals.length = 0;
    this.process = await startProcess({
      name: 'gateway',
      command: process.execPath,
      args: [bundleOf('gateway')],
      env: {
        ...process.env,
        ...this.platform.settings,
        HYBRID_HOST: '127.0.0.1',
        HYBRID_PORT: '0',
        HYBRID_ADMIN_TOKEN: ADMIN,
        HYBRID_JOIN_TOKEN: JOIN,
        HYBRID_KEYS: `k1:${'A'.repeat(43)}`,
        ...env,
      },
    });
    const { port } = await this.process.ready;
    this.url = `${env['HYBRID_TLS_CERT_FILE'] ? 'https' : 'http'}://127.0.0.1:${Number(port)}`;
  }

  get(path: string, options: Ask = {}) {
    return ask(this.url, `GET ${path}`, options);
  }

  async stop(): Promise<void> {
    await this.process?.stop();
    this.process = undefined;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.platform.stop();
  }
}

function servicesOf(gateway: EdgeGateway) {
  const digest = hash('sha256', CREDENTIAL);

  @MessageController()
  class Services {
    @Handle(identityRequests.keyAccess)
    keyAccess(@Payload() { key_id, sha256 }: { key_id: string; sha256: string }): KeyAccess {
      gateway.looked++;
      if (sha256 !== digest) throw problem('unauthenticated', 'key_unknown', 'no such key');
      return {
        key_id,
        org: 'default',
        roles: [],
        created_by: 'user:administrator',
        expires_at: '2999-01-01T00:00:00.000Z',
      };
    }

    @Handle(agentsRequests.register)
    register(): never {
      gateway.registered++;
      throw problem('forbidden', 'not_today', 'no');
    }

    @Handle(identityRequests.recordRefusal)
    refused(@Payload() refusal: Refusal) {
      gateway.refusals.push(refusal);
      return null;
    }

    @Handle(healthRequest('queue'))
    health(): ServiceHealth {
      const findings = [{ setting: 'NATS_URL', finding: 'it is open', remedy: 'close it' }];
      return { service: 'queue', status: 'healthy', dependencies: {}, version: '9.9.9', findings };
    }
  }

  @Module({ controllers: [Services] })
  class ServicesModule {}
  return ServicesModule;
}

/** As the gateway makes them. */
export function tokenOf(prefix: string, secret: string): string {
  const body = `${prefix}_${secret}`;
  return body + crc32(body).toString(36).padStart(6, '0');
}
