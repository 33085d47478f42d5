/**
 * A MeterProvider that may be used before the SDK is loaded. The one of `@opentelemetry/api` answers a meter that does
 * nothing for ever to whoever asks before a provider is set, and most modules ask as they are loaded.
 */
import type {
  BatchObservableCallback,
  Counter,
  Gauge,
  Histogram,
  Meter,
  MeterOptions,
  MeterProvider,
  MetricOptions,
  Observable,
  ObservableCallback,
  UpDownCounter,
} from '@opentelemetry/api';

/** Until `start` what is counted is dropped, and who observes is remembered. */
export class LateMeterProvider implements MeterProvider {
  private real?: MeterProvider;
  private readonly made: ((provider: MeterProvider) => void)[] = [];

  getMeter(name: string, version?: string, options?: MeterOptions): Meter {
    return new LateMeter((bind) => {
      const found = (provider: MeterProvider) => bind(provider.getMeter(name, version, options));
      this.made.push(found);
      if (this.real) found(this.real);
    });
  }

  /** Binds every instrument that was made, and those that will be; started again, all go to the new one. */
  start(real: MeterProvider): void {
    this.real = real;
    for (const found of this.made) found(real);
  }
}

class LateMeter implements Meter {
  /** The real ones behind the observables that were handed out. */
  private readonly behind = new WeakMap<Observable, Observable>();
  private readonly batches = new WeakMap<BatchObservableCallback, BatchObservableCallback>();

  constructor(private readonly whenStarted: (bind: (meter: Meter) => void) => void) {}

  createCounter = (name: string, options?: MetricOptions) =>
    this.late((meter) => meter.createCounter(name, options));
  createUpDownCounter = (name: string, options?: MetricOptions) =>
    this.late((meter) => meter.createUpDownCounter(name, options));
  createGauge = (name: string, options?: MetricOptions) =>
    this.late((meter) => meter.createGauge(name, options));
  createHistogram = (name: string, options?: MetricOptions) =>
    this.late((meter) => meter.createHistogram(name, options));
  createObservableGauge = (name: string, options?: MetricOptions) =>
    this.lateObservable((meter) => meter.createObservableGauge(name, options));
  createObservableCounter = (name: string, options?: MetricOptions) =>
    this.lateObservable((meter) => meter.createObservableCounter(name, options));
  createObservableUpDownCounter = (name: string, options?: MetricOptions) =>
    this.lateObservable((meter) => meter.createObservableUpDownCounter(name, options));

  addBatchObservableCallback(callback: BatchObservableCallback, observables: Observable[]): void {
    const wrapped: BatchObservableCallback = (result) =>
      callback({ observe: (one, ...value) => result.observe(this.realOf(one), ...value) });
    this.batches.set(callback, wrapped);
    this.whenStarted((meter) => meter.addBatchObservableCallback(wrapped, observables.map(this.realOf)));
  }

  removeBatchObservableCallback(callback: BatchObservableCallback, observables: Observable[]): void {
    const wrapped = this.batches.get(callback);
    if (!wrapped) return;
    this.whenStarted((meter) => meter.removeBatchObservableCallback(wrapped, observables.map(this.realOf)));
  }

  private readonly realOf = (observable: Observable) => this.behind.get(observable) ?? observable;

  /** Has the methods of every kind, of which its type shows those of its own. */
  private late(make: (meter: Meter) => Partial<Counter & UpDownCounter & Gauge & Histogram>) {
    let real: ReturnType<typeof make> | undefined;
    this.whenStarted((meter) => (real = make(meter)));
    return {
      add: (...value: Parameters<Counter['add']>) => real?.add?.(...value),
      record: (...value: Parameters<Histogram['record']>) => real?.record?.(...value),
    };
  }

  private lateObservable(make: (meter: Meter) => Observable): Observable {
    const callbacks = new Set<ObservableCallback>();
    let real: Observable | undefined;
    const observable: Observable = {
      addCallback: (callback) => {
        callbacks.add(callback);
        real?.addCallback(callback);
      },
      removeCallback: (callback) => {
        callbacks.delete(callback);
        real?.removeCallback(callback);
      },
    };
    this.whenStarted((meter) => {
      real = make(meter);
      this.behind.set(observable, real);
      for (const callback of callbacks) real.addCallback(callback);
    });
    return observable;
  }
}
