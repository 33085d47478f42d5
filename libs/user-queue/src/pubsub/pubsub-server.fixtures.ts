/**
 * As much of Pub/Sub as our SDK asks for, by gRPC and TLS, from the definitions that the SDK brings. Service accounts sign
 * their tokens themselves, so that the signature and the account can be checked as Google does.
 */
import { directory, name } from './trusted-roots.fixtures.js';
import * as grpc from '@grpc/grpc-js';
import * as loader from '@grpc/proto-loader';
import { selfSignedCertificate } from '@hybrid/testing';
import { createVerify, generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { lineTo } from '../line.fixtures.js';
import type { PubSubQueue } from '../queue-config.js';
import type { QueueUnderTest } from '../queue-contract.fixtures.js';

interface Held {
  data: Buffer;
  attributes: Record<string, string>;
  publishTime: { seconds: number };
  ackId?: string;
  until: number;
}
type Request = Record<string, unknown> & { topic?: string; subscription?: string; resource?: string };
type Definitions = Parameters<typeof loader.fromJSON>[0];
type Callback = (error: { code: number; details: string } | null, answer?: object) => void;
interface Call {
  request: Request;
  cancelled: boolean;
  metadata: { get(name: string): (string | Buffer)[] };
}

const PROJECT = 'projects/test-project';
const [TOPIC, ASIDE, SUBSCRIPTION] = [
  `${PROJECT}/topics/deliveries`,
  `${PROJECT}/topics/aside`,
  `${PROJECT}/subscriptions/reader`,
];
const [PUBLISH, CONSUME] = ['pubsub.topics.publish', 'pubsub.subscriptions.consume'];
/** Of each account on each resource. */
const MAY: Record<string, Record<string, string[]>> = {
  writer: { [TOPIC]: [PUBLISH] },
  reader: { [SUBSCRIPTION]: [CONSUME], [ASIDE]: [PUBLISH] },
  both: { [SUBSCRIPTION]: [CONSUME], [ASIDE]: [PUBLISH], [TOPIC]: [PUBLISH] },
  stranger: {},
};
/** Of the subscription. */
const ACK_DEADLINE_MS = 10_000;

const keys = () =>
  generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });

export async function startPubSub(): Promise<QueueUnderTest & { writer: PubSubQueue }> {
  const certificate = await selfSignedCertificate(directory, name);
  const require = createRequire(import.meta.url);
  const definitions = async (path: string) =>
    grpc.loadPackageDefinition(
      loader.fromJSON(JSON.parse(await readFile(path, 'utf8')) as Definitions, { longs: Number }),
    ) as never;
  const pubsub = (await definitions(
    join(dirname(require.resolve('@google-cloud/pubsub')), '../protos/protos.json'),
  )) as Services;
  const iam = (await definitions(
    join(dirname(require.resolve('google-gax')), '../protos/iam_service.json'),
  )) as Services;

  const [known, unknown] = [keys(), keys()];
  const topics: Record<string, Held[]> = { [TOPIC]: [], [ASIDE]: [] };
  const error = (code: number, details: string) => ({ code, details });

  const callerOf = ({ metadata }: Call): string | undefined => {
    const [header = '', payload = '', signature = ''] = (metadata.get('authorization')[0]?.toString() ?? '')
      .replace('Bearer ', '')
      .split('.');
    const { iss = '' } = JSON.parse(Buffer.from(payload, 'base64url').toString() || '{}') as { iss?: string };
    const signed = createVerify('RSA-SHA256')
      .update(`${header}.${payload}`)
      .verify(known.publicKey, signature, 'base64url');
    return signed ? iss.split('@')[0] : undefined;
  };
  /** With what Google refuses before it looks at the rest. */
  const served =
    (
      permission: string,
      of: (request: Request) => string,
      work: (call: Call, callback: Callback) => unknown,
    ) =>
    (call: Call, callback: Callback) => {
      const caller = callerOf(call);
      if (caller === undefined) return callback(error(16, 'invalid authentication credentials'));
      const resource = of(call.request);
      if (![TOPIC, ASIDE, SUBSCRIPTION].includes(resource)) return callback(error(5, 'Resource not found'));
      if (!MAY[caller]?.[resource]?.includes(permission)) return callback(error(7, 'User not authorized'));
      return work(call, callback);
    };
  const byTopic = ({ topic }: Request) => topic!;
  const bySubscription = ({ subscription }: Request) => subscription!;

  const server = new grpc.Server();
  server.addService(pubsub.google.pubsub.v1.Publisher.service, {
    publish: served(PUBLISH, byTopic, ({ request }, callback) => {
      const messages = request['messages'] as Pick<Held, 'data' | 'attributes'>[];
      if (messages.length === 0) return callback(error(3, 'no messages'));
      const publishTime = { seconds: Math.floor(Date.now() / 1000) };
      topics[request.topic!]!.push(...messages.map((message) => ({ ...message, publishTime, until: 0 })));
      callback(null, { messageIds: messages.map(() => randomUUID()) });
    }),
  });
  server.addService(pubsub.google.pubsub.v1.Subscriber.service, {
    pull: served(CONSUME, bySubscription, async (call, callback) => {
      let free: Held[] = [];
      while (free.length === 0 && !call.cancelled) {
        free = topics[TOPIC]!.filter(({ until }) => until < performance.now()).slice(
          0,
          Number(call.request['maxMessages']),
        );
        if (free.length === 0) await new Promise((again) => setTimeout(again, 10));
      }
      if (call.cancelled) return;
      for (const held of free)
        Object.assign(held, { ackId: randomUUID(), until: performance.now() + ACK_DEADLINE_MS });
      callback(null, {
        receivedMessages: free.map(({ ackId, data, attributes, publishTime }) => ({
          ackId,
          message: { data, attributes, publishTime },
        })),
      });
    }),
    acknowledge: served(CONSUME, bySubscription, ({ request }, callback) => {
      topics[TOPIC] = topics[TOPIC]!.filter(
        ({ ackId, until }) => !(request['ackIds'] as string[]).includes(ackId!) || until < performance.now(),
      );
      callback(null, {});
    }),
    modifyAckDeadline: served(CONSUME, bySubscription, ({ request }, callback) => {
      for (const held of topics[TOPIC]!)
        if ((request['ackIds'] as string[]).includes(held.ackId!))
          held.until = performance.now() + Number(request['ackDeadlineSeconds']) * 1000;
      callback(null, {});
    }),
  });
  server.addService(iam.google.iam.v1.IAMPolicy.service, {
    // Of what is not there nothing may be done; it is no error.
    testIamPermissions: (call: Call, callback: Callback) => {
      const caller = callerOf(call);
      if (caller === undefined) return callback(error(16, 'invalid authentication credentials'));
      const has = MAY[caller]?.[call.request.resource!] ?? [];
      callback(null, {
        permissions: (call.request['permissions'] as string[]).filter((one) => has.includes(one)),
      });
    },
  });
  const credentials = grpc.ServerCredentials.createSsl(null, [
    { cert_chain: await readFile(certificate.certFile), private_key: await readFile(certificate.keyFile) },
  ]);
  const bound = await new Promise<number>((ready, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (failure, port) =>
      failure ? reject(failure) : ready(port),
    ),
  );
  const line = await lineTo(bound);

  const account = (name: string, { privateKey }: { privateKey: string }) =>
    JSON.stringify({
      type: 'service_account',
      client_email: `${name}@test-project.iam.gserviceaccount.com`,
      private_key: privateKey,
    });
  const config: PubSubQueue = {
    kind: 'gcp_pubsub',
    project: 'test-project',
    topic: 'deliveries',
    subscription: 'reader',
    aside: 'aside',
    endpoint: `localhost:${line.port}`,
  };
  const nowhere = { ...config, topic: 'nowhere', subscription: 'nowhere' };
  return {
    writer: config,
    reader: config,
    options: { leaseMs: 2_000 },
    credentials: {
      writer: account('writer', known),
      reader: account('reader', known),
      tooMuch: account('both', known),
      wrong: account('wrong-secret', unknown),
      stranger: account('stranger', known),
    },
    missing: { writer: nowhere, reader: nowhere },
    aside: async () =>
      topics[ASIDE]!.map(({ data, attributes }) => `${data.toString()} ${attributes['reason']}`),
    breakConnection: line.break,
    mendConnection: line.mend,
    stop: async () => {
      await line.close();
      server.forceShutdown();
      await rm(directory, { recursive: true });
    },
  };
}

type Service = { service: never };
interface Services {
  google: {
    pubsub: { v1: { Publisher: Service; Subscriber: Service } };
    iam: { v1: { IAMPolicy: Service } };
  };
}
