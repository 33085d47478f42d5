import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { freePort } from '@hybrid/servers';
import { eventually } from '@hybrid/testing';
import { metrics } from '@opentelemetry/api';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { durationHistogram, meter, metricsText } from './metrics.js';
import { startTelemetry } from './telemetry.js';

const early = meter.createCounter('hybrid.spec.early', { description: 'made before the start' });

describe('metrics', () => {
  const environment = { ...process.env };
  const stops: (() => unknown)[] = [];
  beforeEach(() => {
    for (const name of Object.keys(process.env)) if (/^(OTEL|HYBRID)_/.test(name)) delete process.env[name];
  });
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
    process.env = { ...environment };
  });
  const start = async (options = {}) => {
    const stop = await startTelemetry('spec', options);
    stops.push(stop);
  };
  const listening = async (server: Server, at = 0) => {
    server.listen(at, '127.0.0.1');
    await once(server, 'listening');
    stops.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return (server.address() as AddressInfo).port;
  };

  it('are nothing where nobody asks for them', async () => {
    await start();
    early.add(1);
    expect(await metricsText()).toBeNull();
  });

  it('are text for Prometheus, with units as suffixes', async () => {
    await start({ metrics: true });
    early.add(2);
    metrics
      .getMeter('hybrid')
      .createObservableGauge('hybrid.spec.lag', { unit: 's' })
      .addCallback((result) => result.observe(1.5, { projection: 'jobs' }));
    durationHistogram('hybrid.spec.duration', 'how long').since(performance.now() - 60, {
      'http.route': '/x',
    });
    const text = await metricsText();
    expect(text).toMatch(/^hybrid_spec_early_total 2$/m);
    expect(text).toMatch(/^hybrid_spec_lag_seconds{projection="jobs"} 1.5$/m);
    expect(text).toMatch(/^hybrid_spec_duration_seconds_bucket{http_route="\/x",le="0.05"} 0$/m);
    expect(text).toMatch(/^hybrid_spec_duration_seconds_bucket{http_route="\/x",le="10"} 1$/m);
    expect(text).toMatch(/^target_info{.*service_name="spec"/m);
    for (const name of [
      'nodejs_eventloop_delay_p99_seconds',
      'nodejs_eventloop_utilization_ratio',
      'process_memory_usage_bytes',
      'process_cpu_time_seconds_total{cpu_mode="user"}',
      'process_uptime_seconds',
    ])
      expect(text).toContain(`\n${name} `);
  });

  it('are collected once for all who ask at the same time', async () => {
    await start({ metrics: true });
    let asked = 0;
    const gauge = meter.createObservableGauge('hybrid.spec.asked');
    gauge.addCallback((result) => result.observe(++asked));
    await Promise.all([metricsText(), metricsText(), metricsText()]);
    expect(asked).toBe(1);
    expect(await metricsText()).toMatch(/^hybrid_spec_asked 2$/m);
  });

  it('are served on a port of their own', async () => {
    const free = createServer();
    const port = await listening(free, await freePort());
    process.env['HYBRID_METRICS_PORT'] = String(port);
    await expect(start()).rejects.toThrow(/EADDRINUSE.*HYBRID_METRICS_PORT/);
    free.close();
    await once(free, 'close');
    await start();
    early.add(3);
    const response = await fetch(`http://127.0.0.1:${port}/metrics`);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await response.text()).toMatch(/^hybrid_spec_early_total 3$/m);
    expect((await fetch(`http://127.0.0.1:${port}/other`)).status).toBe(404);
    await stops.pop()!();
    await expect(fetch(`http://127.0.0.1:${port}/metrics`)).rejects.toThrow();
  });

  it.each(['0', '65536', 'http', '1.5'])('refuse %s as their port', async (port) => {
    process.env['HYBRID_METRICS_PORT'] = port;
    await expect(start()).rejects.toThrow('HYBRID_METRICS_PORT must be a number from 1 to 65535');
  });

  it.each([
    [undefined, true],
    ['otlp', true],
    ['none', false],
  ])('with OTEL_METRICS_EXPORTER=%s are sent to the OTLP endpoint: %s', async (exporter, sent) => {
    const received: string[] = [];
    const receiver = createServer((request, response) => {
      let body = '';
      request.on('data', (part) => (body += part));
      request.on('end', () => {
        if (request.url === '/v1/metrics') received.push(body);
        response.setHeader('content-type', 'application/json').end('{}');
      });
    });
    process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = `http://127.0.0.1:${await listening(receiver)}`;
    process.env['OTEL_EXPORTER_OTLP_PROTOCOL'] = 'http/json';
    if (exporter) process.env['OTEL_METRICS_EXPORTER'] = exporter;
    await start();
    early.add(4);
    // Stopping flushes.
    await stops.pop()!();
    if (!sent) expect(received).toEqual([]);
    else await eventually(() => expect(received.join()).toContain('"hybrid.spec.early"'));
  });
});
