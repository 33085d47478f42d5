import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RunView } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startSystem, type System } from './system.js';

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  /** As OTLP counts: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number;
  service: string;
}

interface OtlpTraces {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: Omit<Span, 'service'>[] }[];
  }[];
}

const definition = `
name: traced
steps:
  - { name: hello, type: step.shell_exec, config: { commands: ['echo hello'] } }
`;

describe('one trace', () => {
  const spans: Span[] = [];
  let receiver: Server;
  let system: System;

  beforeAll(async () => {
    receiver = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        // Metrics come to the same receiver.
        if (request.url !== '/v1/traces') return void response.end('{}');
        const { resourceSpans } = JSON.parse(Buffer.concat(parts).toString()) as OtlpTraces;
        for (const { resource, scopeSpans } of resourceSpans) {
          const service =
            resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
          for (const scope of scopeSpans) spans.push(...scope.spans.map((span) => ({ ...span, service })));
        }
        response.setHeader('content-type', 'application/json').end('{}');
      });
    }).listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '200',
    };
    system = await startSystem({ separate: true, env });
    await system.startAgent('agent-1');
  });
  afterAll(async () => {
    await system?.stop();
    receiver.close();
  });

  it('goes from the HTTP request through NATS, the append and the consumer to the step on the agent', async () => {
    await system.admin('PUT /api/pipelines/traced', { json: { definition } });
    const traceId = 'abcdef0123456789abcdef0123456789';
    const { body, status } = await system.admin<RunView>('POST /api/pipelines/traced/runs', {
      json: {},
      headers: {
        traceparent: `00-${traceId}-1234567890abcdef-01`,
      },
    });
    expect(status).toBe(201);
    await eventually(async () => {
      expect((await system.admin<RunView>(`GET /api/runs/${body.id}`)).body.status).toBe('SUCCEEDED');
    });

    const path = await eventually(() => {
      const mine = spans.filter((span) => span.traceId === traceId);
      const step = mine.find(({ name }) => name === 'step hello');
      expect(mine.map(({ service, name }) => `${service}: ${name}`)).toContain('agent: step hello');
      const line = [step!];
      for (let parent; (parent = mine.find(({ spanId }) => spanId === line[0]!.parentSpanId));)
        line.unshift(parent);
      expect(line[0]!.parentSpanId).toBe('1234567890abcdef');
      return line;
    });

    expect(path.map(({ service, kind, name }) => [service, kind, name])).toEqual([
      ['gateway', 2, 'POST /api/pipelines/:pipeline_id/runs'],
      ['gateway', 3, 'cmd.pipelines.run.start send'],
      ['pipelines', 2, 'cmd.pipelines.run.start process'],
      ['pipelines', 1, 'run decide'],
      ['pipelines', 3, 'run append'],
      ['pipelines', 5, 'pipelines-steps process'],
      ['pipelines', 3, 'cmd.queue.job.enqueue send'],
      ['queue', 2, 'cmd.queue.job.enqueue process'],
      ['queue', 1, 'job decide'],
      ['queue', 3, 'job append'],
      ['agent', 5, 'step hello'],
    ]);
  });
});
