import { DEFAULT_ORG, healthRequest, serviceCall, SERVICES } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Controller, Get, HttpCode, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { GatewaySettings } from '../gateway.settings.js';
import { version } from './version.js';

@ApiTags('health')
@Controller()
export class HealthController {
  constructor(
    private readonly connections: Connections,
    private readonly settings: GatewaySettings,
  ) {}

  @Get('health')
  health() {
    return { status: 'healthy', version };
  }

  @Get('health/live')
  live() {
    return { status: 'live' };
  }

  /** 200 when every service and every server behind it answers, else 503; names each. */
  @Get('health/ready')
  @HttpCode(200)
  async ready(@Res({ passthrough: true }) reply: FastifyReply) {
    const services = Object.fromEntries(
      await Promise.all(SERVICES.map(async (name) => [name, await this.ask(name)] as const)),
    );
    const ready = Object.values(services).every(({ status }) => status === 'healthy');
    if (!ready) void reply.code(503);
    return { status: ready ? 'ready' : 'not_ready', services };
  }

  @Get('info')
  info() {
    return { name: 'hybrid', version, environment: this.settings.HYBRID_ENVIRONMENT };
  }

  private async ask(name: string): Promise<{ status: string; dependencies: Record<string, string> }> {
    try {
      const call = serviceCall('gateway', DEFAULT_ORG, '');
      const { status, dependencies } = await this.connections.requests.send(healthRequest(name), {}, call);
      return { status, dependencies };
    } catch {
      return { status: 'unreachable', dependencies: {} };
    }
  }
}
