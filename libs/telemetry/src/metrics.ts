/**
 * Metrics of the process: what `meter` counts, as text for Prometheus and, where an exporter is set, by OTLP.
 * Names are OpenTelemetry's; in the text they get their unit as suffix, as the OpenTelemetry Collector writes them, so
 * that one dashboard fits both.
 */
import { metrics, type Attributes, type MeterProvider } from '@opentelemetry/api';
import type { IMetricReader, PushMetricExporter, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { hostname } from 'node:os';
import { LateMeterProvider } from './late-meter.js';
import { observeProcess } from './process-metrics.js';

/** Seconds; those that OpenTelemetry's conventions give for the duration of requests. */
const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
/** OpenTelemetry's own default. */
const EXPORT_INTERVAL_MS = 60_000;
/** A gauge that asks a server which is away is left out after this long, and the rest is told. */
const COLLECT_MS = 3_000;
const SUFFIXES: Record<string, string> = { s: '_seconds', By: '_bytes', '1': '_ratio' };
export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const late = new LateMeterProvider();
metrics.setGlobalMeterProvider(late);

/** The meter of all our code; the same as `metrics.getMeter('hybrid')`. May be used before `startTelemetry`. */
export const meter = late.getMeter('hybrid');

/** A histogram of how long something took. `since` takes what `performance.now()` said when it began. */
export function durationHistogram(name: string, description: string) {
  const histogram = meter.createHistogram(name, {
    unit: 's',
    description,
    advice: { explicitBucketBoundaries: DURATION_BUCKETS },
  });
  return {
    since: (begun: number, attributes: Attributes) =>
      histogram.record((performance.now() - begun) / 1000, attributes),
  };
}

let observed = false;
let collect: (() => Promise<string>) | undefined;
let collecting: Promise<string> | undefined;

/**
 * All metrics of this process in Prometheus' text format; null where metrics were not started. Who asks while it is
 * being collected gets the same text: gauges ask servers, and anybody may ask.
 */
export async function metricsText(): Promise<string | null> {
  if (!collect) return null;
  collecting ??= collect().finally(() => (collecting = undefined));
  return collecting;
}

interface MetricsOptions {
  service: string;
  /** Send them to the OTLP endpoint of the environment. */
  otlp: boolean;
  /** Serve them at `/metrics` on a port of their own. */
  port?: number;
  host: string;
}

/** Starts counting; answers how to flush and stop. @throws Error that names the setting if the port cannot be had. */
export async function startMetrics(options: MetricsOptions): Promise<() => Promise<void>> {
  // Only for processes that want metrics: loading takes about 40 ms.
  const [sdk, prometheus, resources] = await Promise.all([
    import('@opentelemetry/sdk-metrics'),
    import('@opentelemetry/exporter-prometheus'),
    import('@opentelemetry/resources'),
  ]);
  const text = new prometheus.PrometheusExporter({ preventServerStart: true });
  const readers: IMetricReader[] = [text];
  if (options.otlp) {
    const exportIntervalMillis = Number(process.env['OTEL_METRIC_EXPORT_INTERVAL']) || EXPORT_INTERVAL_MS;
    const exporter = await otlpExporter();
    readers.push(new sdk.PeriodicExportingMetricReader({ exporter, exportIntervalMillis }));
  }
  const resource = resources
    .defaultResource()
    .merge(
      resources.resourceFromAttributes({
        'service.name': process.env['OTEL_SERVICE_NAME'] || options.service,
        // Replicas share the name: without this their series would overwrite each other.
        'service.instance.id': `${hostname()}:${process.pid}`,
      }),
    )
    .merge(resources.detectResources({ detectors: [resources.envDetector] }));
  const provider = new sdk.MeterProvider({ resource, readers });
  const serializer = new prometheus.PrometheusSerializer(undefined, false, undefined, false, true);
  collect = async () =>
    serializer.serialize(withUnits((await text.collect({ timeoutMillis: COLLECT_MS })).resourceMetrics));
  late.start(provider satisfies MeterProvider);
  if (!observed) observeProcess(meter);
  observed = true;
  const server = options.port === undefined ? undefined : await serve(options.port, options.host);
  return async () => {
    collect = undefined;
    server?.close();
    server?.closeAllConnections();
    await provider.shutdown();
  };
}

/** The exporter for the protocol that the environment names; OpenTelemetry's default is protobuf over HTTP. */
async function otlpExporter(): Promise<PushMetricExporter> {
  const { env } = process;
  const protocol = env['OTEL_EXPORTER_OTLP_METRICS_PROTOCOL'] ?? env['OTEL_EXPORTER_OTLP_PROTOCOL'];
  switch (protocol) {
    case 'grpc':
      return new (await import('@opentelemetry/exporter-metrics-otlp-grpc')).OTLPMetricExporter();
    case 'http/json':
      return new (await import('@opentelemetry/exporter-metrics-otlp-http')).OTLPMetricExporter();
    default:
      return new (await import('@opentelemetry/exporter-metrics-otlp-proto')).OTLPMetricExporter();
  }
}

/** The serializer writes names without units. */
function withUnits({ resource, scopeMetrics }: ResourceMetrics): ResourceMetrics {
  return {
    resource,
    scopeMetrics: scopeMetrics.map(({ scope, metrics: found }) => ({
      scope,
      metrics: found.map((metric) => {
        const { name, unit } = metric.descriptor;
        const suffix = SUFFIXES[unit] ?? '';
        return { ...metric, descriptor: { ...metric.descriptor, name: name + suffix } };
      }),
    })),
  };
}

async function serve(port: number, host: string): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    metricsText().then(
      (text) => response.setHeader('content-type', PROMETHEUS_CONTENT_TYPE).end(text ?? ''),
      (error: unknown) => response.writeHead(500).end(`# ${String(error)}\n`),
    );
  });
  server.unref();
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new Error(
      `metrics cannot be served on port ${port} of ${host} (${(cause as NodeJS.ErrnoException).code}): ` +
        'set HYBRID_METRICS_PORT and HYBRID_METRICS_HOST to a free port of this machine, or leave them out',
      { cause },
    );
  }
  return server;
}
