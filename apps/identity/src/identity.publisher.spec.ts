import { understoodTypes, type Fact } from '@hybrid/decider';
import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { identityPublisher } from './identity.publisher.js';

/** Of which folder the events are which category's. */
const CATEGORIES: Record<string, string> = {
  organisations: 'organisation',
  members: 'members',
  sessions: 'session',
  refusals: 'refusal',
};

describe('what others see of who may do what', () => {
  const stored = Object.entries(CATEGORIES).flatMap(([noun, category]) => {
    const golden = join(import.meta.dirname, noun, 'golden');
    return readdirSync(golden).map((file) => ({
      category,
      event: JSON.parse(readFileSync(join(golden, file), 'utf8')) as Fact,
    }));
  });
  const publish = ({ category, event }: { category: string; event: Fact }) =>
    identityPublisher.publish({
      event,
      category,
      thingId: 'thing',
      streamId: `${category}-thing`,
      id: 'event',
      revision: 0n,
      created: new Date(0),
      metadata: {
        org: 'default',
        actor: { type: 'user', id: 'ada' },
        address: '203.0.113.9',
        $correlationId: 'c',
        version: 1,
      },
    });

  it('is something of each event', () => {
    const seen = stored.map(({ category, event }) => {
      const published = publish({ category, event });
      return [event.type, published && `${published.noun}.${published.event}`, published?.type];
    });
    expect(seen.sort()).toEqual([
      ['AccessRefused', 'refusal.recorded', 'AccessRefused'],
      ['InvitationAccepted', 'invitation.accepted', 'InvitationChanged'],
      ['InvitationCreated', 'invitation.created', 'InvitationChanged'],
      ['InvitationRevoked', 'invitation.revoked', 'InvitationChanged'],
      ['MemberJoined', 'user.joined', 'UserChanged'],
      ['MemberProfileChanged', 'user.profile-changed', 'UserChanged'],
      ['MemberRemoved', 'user.removed', 'UserChanged'],
      ['MemberRolesChanged', 'user.roles-changed', 'UserChanged'],
      ['OrganisationCreated', 'organisation.created', 'OrganisationCreated'],
      ['SessionEnded', 'session.ended', 'SessionChanged'],
      ['SessionStarted', 'session.started', 'SessionChanged'],
    ]);
    expect(understoodTypes(identityPublisher.events)).toEqual(seen.map(([type]) => type));
  });

  it('is no digest, address, e-mail address, subject or device', () => {
    const secrets = ['0f'.repeat(32), '203.0.113.9', 'ada@example.com', '"108"', 'Firefox'];
    const told = JSON.stringify(stored.map(publish));
    expect(secrets.filter((secret) => told.includes(secret))).toEqual([]);
  });
});
