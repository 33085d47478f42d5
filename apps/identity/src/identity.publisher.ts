import type { Publisher } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { memberPublisher } from './members/member.publisher.js';
import { organisationPublisher } from './organisations/organisation.publisher.js';
import { refusalPublisher } from './refusals/refusal.publisher.js';
import { sessionPublisher } from './sessions/session.publisher.js';

const publishers = [
  organisationPublisher,
  memberPublisher,
  sessionPublisher,
  refusalPublisher,
] as Publisher[];

/** One for the whole service, as one relay carries all of its events. */
export const identityPublisher: Publisher = {
  service: 'identity',
  prefixes: publishers.flatMap(({ prefixes }) => prefixes),
  events: {
    today: Object.assign({}, ...publishers.map(({ events }) => events.today)) as Record<string, true>,
  },
  publish: (stored) =>
    publishers.find(({ prefixes }) => prefixes.includes(`${stored.category}-`))?.publish(stored) ?? null,
};

@Injectable()
export class IdentityEvents implements OnModuleInit {
  constructor(private readonly connections: Connections) {}

  onModuleInit(): void {
    this.connections.publish(identityPublisher);
  }
}
