/** Serves a module over NATS within a spec's process. */
import { type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { connectNats } from './connection.js';
import { NatsStrategy } from './nats.strategy.js';

export interface Served {
  /** Orderly: what runs is finished. */
  stop(): Promise<void>;
}

export async function serveOn(url: string, module: Type): Promise<Served> {
  const nats = await connectNats(url, 'served');
  const app = await NestFactory.createMicroservice(module, {
    strategy: new NatsStrategy(nats),
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
