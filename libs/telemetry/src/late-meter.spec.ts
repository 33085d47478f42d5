import { describe, expect, it } from '@jest/globals';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { LateMeterProvider } from './late-meter.js';

class OnDemand extends MetricReader {
  protected override async onShutdown() {}
  protected override async onForceFlush() {}
}

/** Name → values by attributes. */
async function values(reader: OnDemand): Promise<Record<string, unknown[]>> {
  const { resourceMetrics } = await reader.collect();
  return Object.fromEntries(
    resourceMetrics.scopeMetrics
      .flatMap(({ metrics }) => metrics)
      .map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints.map(({ value }) => value)]),
  );
}

describe('a meter', () => {
  const started = () => {
    const reader = new OnDemand();
    return { reader, real: new MeterProvider({ readers: [reader] }) };
  };

  it('binds what was made before the start', async () => {
    const late = new LateMeterProvider();
    const meter = late.getMeter('early');
    const counter = meter.createCounter('counter');
    const sum = meter.createUpDownCounter('sum');
    const gauge = meter.createGauge('gauge');
    const histogram = meter.createHistogram('histogram');
    const observed = meter.createObservableGauge('observed');
    const forgotten = (result: { observe(value: number): void }) => result.observe(-1);
    observed.addCallback(forgotten);
    observed.removeCallback(forgotten);
    observed.addCallback((result) => result.observe(7));
    const [one, other] = [meter.createObservableCounter('one'), meter.createObservableUpDownCounter('other')];
    meter.addBatchObservableCallback(
      (result) => {
        result.observe(one, 1);
        result.observe(other, 2);
      },
      [one, other],
    );
    counter.add(100);
    const { reader, real } = started();
    late.start(real);
    counter.add(1);
    counter.add(2);
    sum.add(-4);
    gauge.record(5);
    histogram.record(6);
    expect(await values(reader)).toMatchObject({
      counter: [3],
      sum: [-4],
      gauge: [5],
      histogram: [{ count: 1, sum: 6 }],
      observed: [7],
      one: [1],
      other: [2],
    });
  });

  it('works after the start as any other, and joins what was made before by the same name', async () => {
    const late = new LateMeterProvider();
    const before = late.getMeter('hybrid').createCounter('shared');
    const { reader, real } = started();
    late.start(real);
    const meter = late.getMeter('hybrid');
    meter.createCounter('shared').add(1);
    before.add(1);
    const observed = meter.createObservableGauge('observed');
    let asked = 0;
    const callback = (result: { observe(value: number): void }) => result.observe(++asked);
    observed.addCallback(callback);
    expect(await values(reader)).toEqual({ shared: [2], observed: [1] });
    observed.removeCallback(callback);
    await values(reader);
    expect(asked).toBe(1);
  });

  it('goes to the provider that was started last', async () => {
    const late = new LateMeterProvider();
    const counter = late.getMeter('hybrid').createCounter('counter');
    const [one, two] = [started(), started()];
    late.start(one.real);
    counter.add(1);
    late.start(two.real);
    counter.add(2);
    expect([await values(one.reader), await values(two.reader)]).toEqual([
      { counter: [1] },
      { counter: [2] },
    ]);
  });

  it('forgets a callback for several instruments', async () => {
    const late = new LateMeterProvider();
    const meter = late.getMeter('hybrid');
    const observed = meter.createObservableGauge('observed');
    let asked = 0;
    const callback = (result: { observe(one: typeof observed, value: number): void }) =>
      result.observe(observed, ++asked);
    meter.addBatchObservableCallback(callback, [observed]);
    const { reader, real } = started();
    late.start(real);
    expect(await values(reader)).toEqual({ observed: [1] });
    meter.removeBatchObservableCallback(callback, [observed]);
    await values(reader);
    expect(asked).toBe(1);
  });
});
