/**
 * OpenTelemetry for every process. Traces are off unless OTEL_EXPORTER_OTLP_ENDPOINT is set: with them a request costs
 * about twice the CPU. Spans that cross our own boundaries (NATS, append, step) are made here and by callers;
 * of the auto-instrumentations those are on that work without a module loader hook (see ADR 6). Metrics: metrics.ts.
 */
import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
} from '@opentelemetry/api';
import { startMetrics } from './metrics.js';

const KINDS = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};

const tracer = trace.getTracer('hybrid');

interface TelemetryOptions {
  /** Count also where nothing in the environment asks for metrics: somebody calls `metricsText`. */
  metrics?: boolean;
}

/**
 * Starts what the environment asks for; answers how to flush and stop it. Metrics are served at `/metrics` on
 * HYBRID_METRICS_PORT (of HYBRID_METRICS_HOST, else loopback) and sent to OTEL_EXPORTER_OTLP_ENDPOINT unless
 * OTEL_METRICS_EXPORTER is set to something else than `otlp`. OTEL_SDK_DISABLED=true starts nothing.
 * @throws Error that names the setting which is wrong.
 */
export async function startTelemetry(
  service: string,
  options: TelemetryOptions = {},
): Promise<() => Promise<void>> {
  const { env } = process;
  if (env['OTEL_SDK_DISABLED'] === 'true') return async () => {};
  const endpoint = Boolean(env['OTEL_EXPORTER_OTLP_ENDPOINT']);
  const exporters = (env['OTEL_METRICS_EXPORTER'] || 'otlp').split(',').map((name) => name.trim());
  const otlp = endpoint && exporters.includes('otlp');
  const port = metricsPort(env['HYBRID_METRICS_PORT']);
  const host = env['HYBRID_METRICS_HOST'] || '127.0.0.1';
  const stops: (() => Promise<void>)[] = [];
  if (options.metrics || otlp || port !== undefined)
    stops.push(await startMetrics({ service, otlp, port, host }));
  if (endpoint) stops.push(await startTraces(service));
  return async () => {
    await Promise.all(stops.map((stop) => stop()));
  };
}

function metricsPort(text: string | undefined): number | undefined {
  if (!text) return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error('HYBRID_METRICS_PORT must be a number from 1 to 65535, or left out');
  return port;
}

async function startTraces(service: string): Promise<() => Promise<void>> {
  process.env['OTEL_LOGS_EXPORTER'] ??= 'none';
  const [{ NodeSDK }, { getNodeAutoInstrumentations }] = await Promise.all([
    import('@opentelemetry/sdk-node'),
    import('@opentelemetry/auto-instrumentations-node'),
  ]);
  const sdk = new NodeSDK({
    serviceName: process.env['OTEL_SERVICE_NAME'] ?? service,
    // Ours are started already, and there can be one provider only.
    metricReaders: [],
    instrumentations: getNodeAutoInstrumentations({
      '@opentelemetry/instrumentation-fs': { enabled: false },
      '@opentelemetry/instrumentation-net': { enabled: false },
      '@opentelemetry/instrumentation-dns': { enabled: false },
      '@opentelemetry/instrumentation-http': { enabled: false },
      '@opentelemetry/instrumentation-grpc': { enabled: false },
      '@opentelemetry/instrumentation-nestjs-core': { enabled: false },
      '@opentelemetry/instrumentation-runtime-node': { enabled: false },
    }),
  });
  sdk.start();
  return () => sdk.shutdown();
}

interface SpanOptions {
  /** W3C traceparent of the parent; left out: whatever span is active. `null` starts a trace of its own. */
  parent?: string | null;
  kind?: keyof typeof KINDS;
  attributes?: Attributes;
}

interface ActiveSpan {
  /** Empty where tracing is off. */
  traceparent: string;
  set(attributes: Attributes): void;
}

const NO_SPAN: ActiveSpan = { traceparent: '', set: () => undefined };

/** A propagator is set where traces are: asking is cheaper than making spans that are nothing, several for each request. */
function tracing(): boolean {
  return propagation.fields().length > 0;
}

/** Runs `work` inside a span; a failure is recorded on the span and thrown on. */
export async function withSpan<T>(
  name: string,
  options: SpanOptions,
  work: (span: ActiveSpan) => Promise<T>,
): Promise<T> {
  if (!tracing()) return work(NO_SPAN);
  const parent = options.parent === undefined ? context.active() : parentContext(options.parent);
  const span = tracer.startSpan(
    name,
    { kind: KINDS[options.kind ?? 'internal'], attributes: options.attributes },
    parent,
  );
  const active = trace.setSpan(parent, span);
  try {
    return await context.with(active, () =>
      work({ traceparent: traceparentOf(active) ?? '', set: (attributes) => span.setAttributes(attributes) }),
    );
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : 'error' });
    throw error;
  } finally {
    span.end();
  }
}

/** W3C traceparent of the active span, or nothing where tracing is off. */
export function activeTraceparent(): string | undefined {
  if (!tracing()) return undefined;
  return traceparentOf(context.active());
}

function traceparentOf(from: Context): string | undefined {
  const carrier: Record<string, string> = {};
  propagation.inject(from, carrier);
  return carrier['traceparent'];
}

function parentContext(traceparent: string | null): Context {
  return traceparent ? propagation.extract(ROOT_CONTEXT, { traceparent }) : ROOT_CONTEXT;
}
