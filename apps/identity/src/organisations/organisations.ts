/** The organisations' commands and queries. */
import {
  DEFAULT_ORG,
  problem,
  type CallContext,
  type CreateOrganisation,
  type ListQuery,
  type OrganisationView,
  type Page,
} from '@hybrid/contracts';
import { ALL_ORGANISATIONS, listPage, Things } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import {
  organisationDecider,
  type OrganisationCommand,
  type OrganisationEvent,
  type OrganisationState,
} from './organisation.decider.js';
import { organisationList } from './organisation-list.projection.js';

/** With the one that has no event, as the oldest. */
const WITH_DEFAULT = `(select id, created_at, state from identity.organisations
  union all select '${DEFAULT_ORG}', to_timestamp(0), '${JSON.stringify(organisationDecider.initial)}') as organisations`;

@Injectable()
export class Organisations implements OnModuleInit {
  private readonly things: Things<OrganisationState, OrganisationCommand, OrganisationEvent>;

  constructor(private readonly connections: Connections) {
    this.things = new Things(connections.eventStore, 'organisation', organisationDecider);
  }

  async onModuleInit(): Promise<void> {
    await this.connections.project(organisationList);
  }

  /** Its first event is its own, whatever organisation the caller speaks for. */
  async create({ organisation, name }: CreateOrganisation, call: CallContext): Promise<OrganisationView> {
    const command: OrganisationCommand = {
      type: 'CreateOrganisation',
      organisation,
      name: name ?? organisation,
      now: new Date().toISOString(),
    };
    const { state } = await this.things.handle(organisation, command, { ...call, org: organisation });
    return view(organisation, state);
  }

  /** Strongly consistent. @throws ProblemError `organisation_not_found`. */
  async get(organisation: string): Promise<OrganisationView> {
    return view(organisation, (await this.things.load(organisation, organisation)).state);
  }

  /** All of them: for who runs the installation. */
  list(query: ListQuery, { atLeast }: CallContext): Promise<Page<OrganisationView>> {
    return listPage<{ id: string; created_at: Date; state: OrganisationState }, OrganisationView>({
      from: this.connections.readModel(organisationList),
      table: WITH_DEFAULT,
      call: { org: ALL_ORGANISATIONS, atLeast },
      query,
      where: {},
      view: ({ id, state }) => view(id, state),
    });
  }
}

function view(organisation: string, { created }: OrganisationState): OrganisationView {
  if (created) return { organisation, name: created.name, created_at: created.at };
  if (organisation === DEFAULT_ORG) return { organisation, name: DEFAULT_ORG, created_at: null };
  throw problem('not_found', 'organisation_not_found', `there is no organisation ${organisation}`);
}
