import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { context, propagation, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { activeTraceparent, startTelemetry, withSpan } from './telemetry.js';

describe('a span', () => {
  it('is nothing where tracing is off, and the work is done all the same', async () => {
    expect(await withSpan('work', {}, async ({ traceparent }) => [traceparent, activeTraceparent()])).toEqual(
      ['', undefined],
    );
    await (
      await startTelemetry('spec')
    )();
  });

  describe('with tracing on', () => {
    const exporter = new InMemorySpanExporter();
    beforeAll(() => {
      trace.setGlobalTracerProvider(
        new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
      );
      context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
      propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    });
    afterAll(() => {
      trace.disable();
      context.disable();
      propagation.disable();
    });
    beforeEach(() => exporter.reset());

    const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const finished = (name: string) => exporter.getFinishedSpans().find((span) => span.name === name)!;

    it('is the child of the one around it, also after a wait', async () => {
      await withSpan('outer', {}, async () => {
        await new Promise((resolve) => setImmediate(resolve));
        await withSpan('inner', { kind: 'client', attributes: { a: 1 } }, async ({ set }) => set({ b: 2 }));
      });
      expect(finished('inner').parentSpanContext?.spanId).toBe(finished('outer').spanContext().spanId);
      expect(finished('inner').attributes).toEqual({ a: 1, b: 2 });
      expect(finished('outer').parentSpanContext).toBeUndefined();
    });

    it('goes on with the trace of a message', async () => {
      const told = await withSpan('consumer', { parent }, async ({ traceparent }) => {
        expect(activeTraceparent()).toBe(traceparent);
        return traceparent;
      });
      const { spanId } = finished('consumer').spanContext();
      expect(told).toBe(`00-0af7651916cd43dd8448eb211c80319c-${spanId}-01`);
      expect(finished('consumer').parentSpanContext?.spanId).toBe('b7ad6b7169203331');
    });

    it('begins a trace of its own where that is asked for, or the parent is unreadable', async () => {
      await withSpan('outer', { parent }, async () => {
        await withSpan('own', { parent: null }, async () => undefined);
        await withSpan('unreadable', { parent: 'nonsense' }, async () => undefined);
      });
      for (const name of ['own', 'unreadable']) expect(finished(name).parentSpanContext).toBeUndefined();
    });

    it('keeps that the work failed, not what it said', async () => {
      const failure = new TypeError('the password is swordfish');
      await expect(withSpan('work', {}, () => Promise.reject(failure))).rejects.toBe(failure);
      expect(finished('work').status).toEqual({ code: SpanStatusCode.ERROR, message: 'TypeError' });
      expect(JSON.stringify(finished('work').events)).not.toContain('swordfish');
    });
  });
});
