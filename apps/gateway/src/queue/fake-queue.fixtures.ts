/** A NATS server, and in place of the queue service whoever answers its requests as a spec says. */
import type { Request } from '@hybrid/contracts';
import { connectNats, Handle, MessageController, NatsStrategy, Requests } from '@hybrid/messaging';
import { startNats } from '@hybrid/servers';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Payload } from '@nestjs/microservices';
import type { NatsConnection } from '@nats-io/transport-node';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Messaging {
  nats: NatsConnection;
  requests: Requests;
  /** Answers a request from now on, until `forget`. */
  serve<I, O>(request: Request<I, O>, answer: (input: I) => Promise<O>): Promise<void>;
  forget(): Promise<void>;
  stop(): Promise<void>;
}

export async function startMessaging(): Promise<Messaging> {
  const directory = await mkdtemp(join(tmpdir(), 'hybrid-gateway-'));
  const server = await startNats({ dataDir: directory });
  const nats = await connectNats(server.url, 'gateway');
  const served: NatsConnection[] = [];
  // Not in an orderly way: an answer that never comes would be waited for.
  const forget = async () => void (await Promise.all(served.splice(0).map((own) => own.close())));
  return {
    nats,
    requests: new Requests(nats),
    async serve<I, O>(request: Request<I, O>, answer: (input: I) => Promise<O>) {
      @MessageController()
      class Queue {
        @Handle(request)
        answer(@Payload() input: object) {
          return answer(input as I);
        }
      }
      @Module({ controllers: [Queue] })
      class QueueModule {}
      const own = await connectNats(server.url, 'queue');
      served.push(own);
      const app = await NestFactory.createMicroservice(QueueModule, {
        strategy: new NatsStrategy(own),
        logger: false,
      });
      await app.listen();
    },
    forget,
    async stop() {
      await forget();
      await nats.close();
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
