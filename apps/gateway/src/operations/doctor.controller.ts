import {
  healthRequest,
  SERVICES,
  type DoctorReport,
  type Finding,
  type ServiceDiagnosis,
} from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Controller, Get } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { Caller } from '../edge/caller.js';
import { findings, SECRET_FILES } from '../edge/findings.js';
import { GatewaySettings } from '../gateway.settings.js';
import { version } from '../health/version.js';

@ApiTags('operations')
@ApiBearerAuth()
@Controller('api/operations/doctor')
export class DoctorController {
  constructor(
    private readonly connections: Connections,
    private readonly settings: GatewaySettings,
  ) {}

  /** What is unsafe or broken. Of the installation, and so not for those of one organisation. */
  @Get()
  async doctor(@Caller() caller: Caller): Promise<DoctorReport> {
    const [own, ...services] = await Promise.all([
      this.own(),
      ...SERVICES.map((service) => this.diagnose(service, caller)),
    ]);
    return { version, findings: own, services };
  }

  private async own(): Promise<Finding[]> {
    const modes: Record<string, number> = {};
    for (const setting of SECRET_FILES) {
      const file = this.settings[setting];
      // A file may be named and not needed, as its secret is given itself.
      const found = file && (await stat(file).catch(() => null));
      if (found) modes[setting] = found.mode;
    }
    return findings(this.settings, { modes, certificateEnds: await this.certificateEnds(), now: new Date() });
  }

  private async certificateEnds(): Promise<Date | null> {
    const file = this.settings.HYBRID_TLS_CERT_FILE;
    if (!file) return null;
    try {
      return new Date(new X509Certificate(await readFile(file)).validTo);
    } catch {
      // While it is being renewed.
      return null;
    }
  }

  private async diagnose(service: string, caller: Caller): Promise<ServiceDiagnosis> {
    try {
      const health = await this.connections.requests.send(healthRequest(service), {}, caller);
      return { version: null, findings: [], ...health };
    } catch {
      return { service, status: 'unreachable', dependencies: {}, version: null, findings: [] };
    }
  }
}
