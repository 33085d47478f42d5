/**
 * OpenTelemetry for every process. Off unless OTEL_EXPORTER_OTLP_ENDPOINT is set: with tracing on a request costs
 * about twice the CPU. Spans that cross our own boundaries (NATS, append, step) are made here and by callers;
 * of the auto-instrumentations those are on that work without a module loader hook (see ADR 6).
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

const KINDS = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};

const tracer = trace.getTracer('hybrid');

/** Starts the SDK if an exporter is configured; answers how to flush and stop it. */
export async function startTelemetry(service: string): Promise<() => Promise<void>> {
  if (!process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] || process.env['OTEL_SDK_DISABLED'] === 'true')
    return async () => {};
  process.env['OTEL_METRICS_EXPORTER'] ??= 'none';
  process.env['OTEL_LOGS_EXPORTER'] ??= 'none';
  const [{ NodeSDK }, { getNodeAutoInstrumentations }] = await Promise.all([
    import('@opentelemetry/sdk-node'),
    import('@opentelemetry/auto-instrumentations-node'),
  ]);
  const sdk = new NodeSDK({
    serviceName: process.env['OTEL_SERVICE_NAME'] ?? service,
    instrumentations: getNodeAutoInstrumentations({
      '@opentelemetry/instrumentation-fs': { enabled: false },
      '@opentelemetry/instrumentation-net': { enabled: false },
      '@opentelemetry/instrumentation-dns': { enabled: false },
      '@opentelemetry/instrumentation-http': { enabled: false },
      '@opentelemetry/instrumentation-grpc': { enabled: false },
      '@opentelemetry/instrumentation-nestjs-core': { enabled: false },
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

/** Runs `work` inside a span; a failure is recorded on the span and thrown on. */
export async function withSpan<T>(
  name: string,
  options: SpanOptions,
  work: (span: { traceparent: string; set(attributes: Attributes): void }) => Promise<T>,
): Promise<T> {
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
