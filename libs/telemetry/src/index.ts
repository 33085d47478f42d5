export { durationHistogram, meter, metricsText, PROMETHEUS_CONTENT_TYPE } from './metrics.js';
export { activeTraceparent, startTelemetry, withSpan } from './telemetry.js';
