import {
  agentsRequests,
  consumerRequests,
  deploymentsRequests,
  healthRequest,
  identityRequests,
  partitionClaim,
  pipelinesRequests,
  projectionRequests,
  queueRequests,
  registryRequests,
  SERVICES,
} from '@hybrid/contracts';
import { describe, expect, it } from '@jest/globals';
import { NATS_USERS, natsPermissions, type NatsUser } from './permissions.js';
import { readFileSync } from 'node:fs';
import { natsUsersFile } from './users-file.js';
import { lastResortOf, replySubject } from './subjects.js';

const contracts: Record<string, { subject: string }>[] = [
  queueRequests,
  pipelinesRequests,
  agentsRequests,
  registryRequests,
  identityRequests,
  deploymentsRequests,
];
const subjects = [
  ...contracts.flatMap((requests) => Object.values(requests).map(({ subject }) => subject)),
  partitionClaim('default', 'default').subject,
  ...SERVICES.flatMap((service) => [
    healthRequest(service).subject,
    ...Object.values(consumerRequests(service)).map(({ subject }) => subject),
    ...Object.values(projectionRequests(service)).map(({ subject }) => subject),
  ]),
];
const ownerOf = (subject: string) => subject.split('.')[1] as NatsUser;

/** As NATS matches. */
function covers(pattern: string, subject: string): boolean {
  const [wanted, had] = [pattern.split('.'), subject.split('.')];
  const open = wanted.at(-1) === '>';
  if (open ? had.length < wanted.length : had.length !== wanted.length) return false;
  return wanted.every((token, at) => token === '*' || token === had[at] || (open && token === '>'));
}

function mayPublish(user: NatsUser, subject: string): boolean {
  const { allow, deny = [] } = natsPermissions(user).publish;
  return allow.some((one) => covers(one, subject)) && !deny.some((one) => covers(one, subject));
}

function mayHear(user: NatsUser, subject: string, queue?: string): boolean {
  return natsPermissions(user).subscribe.allow.some((entry) => {
    const [pattern = '', group] = entry.split(' ');
    return covers(pattern, subject) && (group === undefined || group === queue);
  });
}

describe('the permissions of services', () => {
  it('let the owner of every request answer it, as one of its queue, and nobody else', () => {
    expect(subjects.length).toBeGreaterThan(80);
    for (const subject of subjects.flatMap((one) => [one, lastResortOf(one)])) {
      const owner = ownerOf(subject.replace('last-resort.', ''));
      expect([subject, mayHear(owner, subject, owner), mayHear(owner, subject)]).toEqual([
        subject,
        true,
        false,
      ]);
      for (const other of NATS_USERS.filter((user) => user !== owner))
        expect([other, subject, mayHear(other, subject, owner), mayHear(other, subject, other)]).toEqual([
          other,
          subject,
          false,
          false,
        ]);
    }
  });

  it('let the gateway ask everything, and each service what it needs', () => {
    const asked = (user: NatsUser) =>
      subjects.filter((subject) => mayPublish(user, subject) && mayPublish(user, lastResortOf(subject)));
    expect(asked('gateway')).toEqual(subjects);
    expect(Object.fromEntries(SERVICES.map((user) => [user, asked(user).sort()]))).toEqual({
      queue: ['qry.agents.pool.agents'],
      pipelines: ['cmd.deployments.deployment.start', 'cmd.queue.job.cancel', 'cmd.queue.job.enqueue'],
      agents: [
        'cmd.queue.job.lose-agent',
        'cmd.queue.job.renew',
        'qry.queue.pool.get',
        'qry.queue.pool.list',
      ],
      registry: [],
      identity: [],
      deployments: ['cmd.queue.job.enqueue'],
      routing: ['cmd.pipelines.trigger.fire', 'cmd.pipelines.trigger.start', 'qry.pipelines.health.check'],
    });
  });

  it('let each publish its own events, broadcasts and replies only', () => {
    for (const user of NATS_USERS)
      for (const other of NATS_USERS) {
        const own = user === other;
        expect([user, other, mayPublish(user, `evt.default.${other}.noun.changed.1`)]).toEqual([
          user,
          other,
          own,
        ]);
        expect(mayPublish(user, `live.${other}.noun.changed`)).toBe(own);
        for (const asker of NATS_USERS)
          expect(mayPublish(user, replySubject(`_INBOX.${asker}.4711`, other, '0'))).toBe(own);
      }
  });

  it('keep inboxes and JetStream from others', () => {
    for (const user of NATS_USERS) {
      for (const other of NATS_USERS)
        expect(mayHear(user, `_INBOX.${other}.4711.queue.0`)).toBe(user === other);
      for (const subject of [
        'evt.default.queue.job.claimed.1',
        'log.default.1.1',
        '$JS.API.STREAM.INFO.EVENTS',
      ])
        expect(mayHear(user, subject)).toBe(false);
      for (const verb of ['DELETE', 'UPDATE', 'PURGE', 'SNAPSHOT', 'RESTORE'])
        expect(mayPublish(user, `$JS.API.STREAM.${verb}.EVENTS`)).toBe(false);
      for (const durable of ['pipelines-jobs', 'agents-losses', 'deployments-jobs'])
        expect(mayPublish(user, `$JS.API.CONSUMER.MSG.NEXT.EVENTS.${durable}`)).toBe(
          user === durable.split('-')[0],
        );
    }
  });

  it('are those of infra/nats/users.conf: run `node tools/nats-users.mjs` after a change', () => {
    const file = new URL('../../../infra/nats/users.conf', import.meta.url);
    expect(readFileSync(file, 'utf8')).toBe(natsUsersFile());
  });
});
