/** Serves a module over NATS within a spec's process. */
import { type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { connectNats } from './connection.js';
import { NatsStrategy, type Reach } from './nats.strategy.js';

export interface Served {
  /** Orderly: what runs is finished. */
  stop(): Promise<void>;
}

export async function serveOn(url: string, module: Type, reach?: Reach): Promise<Served> {
  const nats = await connectNats(url, 'served');
  const app = await NestFactory.createMicroservice(module, {
    strategy: new NatsStrategy(nats, reach),
    logger: false,
  });
  await app.listen();
  return {
    async stop() {
      await app.close();
      await nats.drain();
    },
  };
}

/** Reached until it is told otherwise. */
export function breakableReach(): Reach & { tell(reached: boolean): void } {
  const watchers: ((reached: boolean) => void)[] = [];
  return {
    watch: (watcher) => void watchers.push(watcher),
    tell: (reached) => watchers.forEach((watcher) => watcher(reached)),
  };
}
