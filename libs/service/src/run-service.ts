import 'reflect-metadata';
import { NatsStrategy } from '@hybrid/messaging';
import { startTelemetry } from '@hybrid/telemetry';
import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Connections, ConnectionsModule } from './connections.js';
import { readSettings, ServerSettings } from './settings.js';

/** Runs one service as a process of its own until SIGTERM or SIGINT. Says `{"ready":true,…}` once it answers. */
export async function runService(name: string, module: Type): Promise<void> {
  await guard(name, async () => {
    const stopTelemetry = await startTelemetry(name);
    const connections = await Connections.open(readSettings(ServerSettings, name), name);
    const root = { module: class Root {}, imports: [ConnectionsModule.with(connections), module] };
    const app = await NestFactory.createMicroservice(root, {
      strategy: new NatsStrategy(connections.nats, connections.eventStoreReach),
      logger: ['warn', 'error', 'fatal'],
    });
    await app.listen();
    // Before it says that it serves: whoever hears that may stop it at once.
    stopOnSignal(name, async () => {
      connections.beginStop();
      await app.close();
      await stopTelemetry();
    });
    sayReady(name);
  });
}

export function sayReady(service: string, more: object = {}): void {
  console.log(JSON.stringify({ ready: true, service, ...more }));
}

/** Ends the process with a clear message where `start` fails. */
export async function guard(name: string, start: () => Promise<void>): Promise<void> {
  try {
    await start();
  } catch (error) {
    console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}

/** Past this a stop is not orderly any more. */
const STOP_MS = 8_000;

export function stopOnSignal(name: string, stop: () => Promise<void>): void {
  const onSignal = () => {
    setTimeout(() => process.exit(1), STOP_MS).unref();
    void guard(name, async () => {
      await stop();
      process.exit(0);
    });
  };
  process.once('SIGTERM', onSignal);
  process.once('SIGINT', onSignal);
}
