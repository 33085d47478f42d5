export { activeTraceparent, startTelemetry, withSpan } from './telemetry.js';
