/**
 * What each service may publish and hear: its NATS user's permissions. One table, from the contracts; what is not in it
 * NATS denies. Why users of one account and not an account for each: JetStream streams would have to be shared between
 * accounts, subject by subject, and say no more than this does.
 */
import {
  ACCESS_CHANGED_SUBJECT,
  agentsRequests,
  CLAIM_ABANDONED_SUBJECT,
  deploymentsRequests,
  eventFilter,
  EVENTS_STREAM,
  healthRequest,
  logSubject,
  LOGS_STREAM,
  PARKED_STREAM,
  pipelinesRequests,
  queueRequests,
  SERVICES,
  verificationSubject,
} from '@hybrid/contracts';
import { aliveSubject, answererOf, inboxPrefix, lastResortOf, replySubject } from './subjects.js';

/** As NATS has them: subjects with wildcards; `subject queue` lets subscribe as a member of that queue only. */
export interface NatsPermissions {
  publish: { allow: string[]; deny?: string[] };
  subscribe: { allow: string[] };
}

interface Part {
  /** Requests that it sends: subjects, with or without wildcards. */
  asks?: string[];
  /** Its durable consumers of EVENTS, and what each gets. */
  consumes?: Record<string, string>;
  /** Broadcasts in the name of another service. */
  tells?: string[];
  /** Broadcasts of other services. */
  hears?: string[];
  /** What it publishes besides its events. */
  writes?: string[];
  /** Streams that it reads by consumers that come and go. */
  reads?: string[];
  /** Streams that it makes and nobody else uses, besides those of EVENTS, LOGS and PARKED. */
  makes?: string[];
  /** NATS KV buckets that are its own. */
  buckets?: string[];
}

/** Every service that has a NATS user. */
export const NATS_USERS = [...SERVICES, 'gateway'] as const;
export type NatsUser = (typeof NATS_USERS)[number];

export function isNatsUser(name: string): name is NatsUser {
  return (NATS_USERS as readonly string[]).includes(name);
}

const PARTS: Record<NatsUser, Part> = {
  gateway: {
    asks: SERVICES.flatMap((service) => [`cmd.${service}.>`, `qry.${service}.>`]),
    tells: [CLAIM_ABANDONED_SUBJECT],
    hears: [verificationSubject('*'), ACCESS_CHANGED_SUBJECT],
    writes: ['nonce.*', logSubject('*', '*', '*')],
    makes: ['NONCES'],
    reads: [EVENTS_STREAM, LOGS_STREAM],
    buckets: ['SESSIONS', 'LOGINS'],
  },
  queue: {
    asks: [agentsRequests.poolAgents.subject],
    hears: [CLAIM_ABANDONED_SUBJECT],
    // For gateways of before.
    writes: [logSubject('*', '*', '*')],
  },
  pipelines: {
    asks: [queueRequests.enqueue.subject, queueRequests.cancel.subject, deploymentsRequests.start.subject],
    consumes: {
      'pipelines-jobs': eventFilter('queue', 'job'),
      'pipelines-steps': eventFilter('pipelines', 'run'),
    },
  },
  agents: {
    asks: [
      queueRequests.renew.subject,
      queueRequests.loseAgent.subject,
      queueRequests.pools.subject,
      queueRequests.pool.subject,
    ],
    tells: [ACCESS_CHANGED_SUBJECT],
    consumes: { 'agents-losses': eventFilter('agents', 'agent') },
  },
  registry: {},
  identity: {},
  deployments: {
    asks: [queueRequests.enqueue.subject],
    consumes: { 'deployments-jobs': eventFilter('queue', 'job') },
  },
  routing: {
    asks: [
      pipelinesRequests.fireTriggers.subject,
      pipelinesRequests.startByRoute.subject,
      healthRequest('pipelines').subject,
    ],
    tells: [ACCESS_CHANGED_SUBJECT],
  },
};

/** Every service looks whether they are there, and makes those that are not. */
const STREAMS = [EVENTS_STREAM, LOGS_STREAM, PARKED_STREAM];

export function natsPermissions(service: NatsUser): NatsPermissions {
  const part = PARTS[service];
  const deny = part.reads?.includes(EVENTS_STREAM) ? othersConsumers(service) : [];
  return {
    publish: {
      allow: [
        `evt.*.${service}.>`,
        `live.${service}.>`,
        replySubject('_INBOX.*.*', service, '*'),
        ...asked(part.asks ?? []),
        ...(part.tells ?? []),
        ...(part.writes ?? []),
        '$JS.API.INFO',
        ...[...STREAMS, ...(part.makes ?? [])].flatMap((stream) => [
          `$JS.API.STREAM.INFO.${stream}`,
          `$JS.API.STREAM.CREATE.${stream}`,
        ]),
        // Where its relay goes on.
        `$JS.API.STREAM.MSG.GET.${EVENTS_STREAM}`,
        ...Object.entries(part.consumes ?? {}).flatMap(([durable, filter]) => consuming(durable, filter)),
        ...(part.consumes ? parking() : []),
        ...(part.reads ?? []).flatMap(reading),
        ...(part.buckets ?? []).flatMap(keeping),
      ],
      ...(deny.length > 0 && { deny }),
    },
    subscribe: {
      allow: [
        `${inboxPrefix(service)}.>`,
        aliveSubject(service, '*'),
        `live.${service}.>`,
        ...(part.hears ?? []),
        ...[`cmd.${service}.>`, `qry.${service}.>`].flatMap((subject) => [
          `${subject} ${service}`,
          `${lastResortOf(subject)} ${service}`,
        ]),
      ],
    },
  };
}

function asked(subjects: string[]): string[] {
  const holders = [...new Set(subjects.map(answererOf))].map((service) => aliveSubject(service, '*'));
  return [...subjects.flatMap((subject) => [subject, lastResortOf(subject)]), ...holders];
}

function consuming(durable: string, filter: string): string[] {
  return [
    `$JS.API.CONSUMER.CREATE.${EVENTS_STREAM}.${durable}.${filter}`,
    `$JS.API.CONSUMER.INFO.${EVENTS_STREAM}.${durable}`,
    `$JS.API.CONSUMER.MSG.NEXT.${EVENTS_STREAM}.${durable}`,
    `$JS.ACK.${EVENTS_STREAM}.${durable}.>`,
    `parked.${durable}.*`,
  ];
}

/** Of PARKED as a whole: NATS knows no smaller right. */
function parking(): string[] {
  return ['GET', 'DELETE'].map((verb) => `$JS.API.STREAM.MSG.${verb}.${PARKED_STREAM}`);
}

function reading(stream: string): string[] {
  return [
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    ...['INFO', 'DELETE', 'MSG.NEXT'].map((verb) => `$JS.API.CONSUMER.${verb}.${stream}.*`),
  ];
}

/** Durable consumers that are not of those which come and go. */
function othersConsumers(service: NatsUser): string[] {
  const durables = Object.entries(PARTS)
    .filter(([other]) => other !== service)
    .flatMap(([, { consumes }]) => Object.keys(consumes ?? {}));
  return durables.flatMap((durable) => [
    `$JS.API.CONSUMER.CREATE.${EVENTS_STREAM}.${durable}`,
    `$JS.API.CONSUMER.CREATE.${EVENTS_STREAM}.${durable}.>`,
    `$JS.API.CONSUMER.DELETE.${EVENTS_STREAM}.${durable}`,
    `$JS.API.CONSUMER.MSG.NEXT.${EVENTS_STREAM}.${durable}`,
  ]);
}

/** Everything within a bucket's own stream, but not to delete that. */
function keeping(bucket: string): string[] {
  const stream = `KV_${bucket}`;
  return [
    `$KV.${bucket}.>`,
    ...['INFO', 'CREATE', 'UPDATE', 'PURGE', 'MSG.GET'].map((verb) => `$JS.API.STREAM.${verb}.${stream}`),
    `$JS.API.DIRECT.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}.>`,
    // Without a name: what the client watches keys by.
    `$JS.API.CONSUMER.CREATE.${stream}`,
    ...reading(stream),
    `$JS.ACK.${stream}.>`,
    `$JS.FC.${stream}.>`,
  ];
}
