import { problem } from '@hybrid/contracts';
import { metricsText, PROMETHEUS_CONTENT_TYPE } from '@hybrid/telemetry';
import { Controller, Get, Header } from '@nestjs/common';
import { ApiProduces, ApiTags } from '@nestjs/swagger';
import { publicMetrics } from './public-metrics.js';

@ApiTags('health')
@Controller()
export class MetricsController {
  /** Of this process, in Prometheus' text format. Needs no token, so nothing in it is of one organisation. */
  @Get('metrics')
  @ApiProduces('text/plain')
  @Header('content-type', PROMETHEUS_CONTENT_TYPE)
  async metrics(): Promise<string> {
    const text = await metricsText();
    if (text === null)
      throw problem('not_found', 'metrics_off', 'metrics are off: OTEL_SDK_DISABLED is set to true');
    return publicMetrics(text);
  }
}
