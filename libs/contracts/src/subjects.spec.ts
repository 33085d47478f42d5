import { describe, expect, it } from '@jest/globals';
import {
  agentsRequests,
  deploymentsRequests,
  eventFilter,
  eventSubject,
  identityRequests,
  logSubject,
  pipelinesRequests,
  queueRequests,
  registryRequests,
} from './index.js';
import type { Request } from './request.js';

const services = {
  agents: agentsRequests,
  deployments: deploymentsRequests,
  identity: identityRequests,
  pipelines: pipelinesRequests,
  queue: queueRequests,
  registry: registryRequests,
};

/** As a NATS server matches: `*` is one token, `>` one or more at the end. */
function matches(filter: string, subject: string): boolean {
  const wanted = filter.split('.');
  const given = subject.split('.');
  if (wanted.at(-1) === '>')
    return (
      given.length >= wanted.length &&
      matches(wanted.slice(0, -1).join('.'), given.slice(0, wanted.length - 1).join('.'))
    );
  return wanted.length === given.length && wanted.every((token, at) => token === '*' || token === given[at]);
}

describe('subjects', () => {
  const all = Object.entries(services).flatMap(([service, requests]) =>
    Object.values(requests as Record<string, Request<unknown, unknown>>).map(
      ({ subject }) => [service, subject] as const,
    ),
  );

  it('of requests say command or query, service, noun and verb', () => {
    for (const [service, subject] of all)
      expect(subject).toMatch(new RegExp(`^(cmd|qry)\\.${service}\\.[a-z]+\\.[a-z-]+$`));
  });

  it('of requests are each used once', () => {
    const subjects = all.map(([, subject]) => subject);
    expect(new Set(subjects).size).toBe(subjects.length);
  });

  it('of events are found by the filter of their noun, in every organisation, and by no other', () => {
    const subject = eventSubject('acme', 'queue', 'job', 'lease-expired', 'j-1');
    expect(subject).toBe('evt.acme.queue.job.lease-expired.j-1');
    expect(matches(eventFilter('queue', 'job'), subject)).toBe(true);
    expect(matches(eventFilter('queue', 'jobs'), subject)).toBe(false);
    expect(matches(eventFilter('agents', 'job'), subject)).toBe(false);
  });

  it('of logs are one for each attempt', () => {
    expect(logSubject('acme', 'j-1', 2)).toBe('log.acme.j-1.2');
  });
});
