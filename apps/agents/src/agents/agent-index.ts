import { subscribe, Things, understood, type StoredEvent, type Thing } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable, Logger } from '@nestjs/common';
import { agentDecider, noAgent, type AgentCommand, type AgentState } from './agent.decider.js';
import { agentEvents, type AgentEvent } from './agent.events.js';
import { agentList } from './agent-list.projection.js';

export interface KnownAgent {
  org: string;
  thing: Thing<AgentState>;
}

interface SeedRow {
  id: string;
  org: string;
  revision: string;
  state: AgentState;
  /** PostgreSQL does not hold all texts as they were. */
  altered: boolean;
}

type Position = NonNullable<StoredEvent['position']>;

/**
 * Every agent but the deregistered ones, in this replica's memory: seeded from the read model, then fed by the log, so
 * that heartbeats read nothing. Behind the log by milliseconds: good for answers, while the append decides what happens.
 */
@Injectable()
export class AgentIndex {
  private readonly logger = new Logger(AgentIndex.name);
  private readonly things: Things<AgentState, AgentCommand, AgentEvent>;
  private readonly agents = new Map<string, KnownAgent>();
  private position: Position | null = null;

  constructor(private readonly connections: Connections) {
    this.things = new Things(connections.eventStore, 'agent', agentDecider);
  }

  /** Until the process is asked to stop. The read model must be there. */
  async open(): Promise<void> {
    await this.seed();
    void subscribe({
      client: this.connections.eventStore,
      prefixes: ['agent-'],
      signal: this.connections.stopping,
      log: (message) => this.logger.warn(message),
      from: () => this.position,
      handle: async ({ events, position }) => {
        for (const stored of events) this.take(stored);
        this.position = position;
      },
    });
  }

  /** One that this replica has not heard of yet is looked up; undefined: the organisation has no such agent. */
  async find(id: string, org: string): Promise<KnownAgent | undefined> {
    let known = this.agents.get(id);
    if (!known) {
      const thing = await this.things.load(id, org);
      if (!thing.state.agent || thing.state.deregistered) return undefined;
      this.put(id, (known = { org, thing }));
    }
    return known.org === org ? known : undefined;
  }

  /** The organisation's agents. */
  *of(org: string): Iterable<AgentState> {
    for (const known of this.agents.values()) if (known.org === org) yield known.thing.state;
  }

  organisations(): Set<string> {
    return new Set([...this.agents.values()].map(({ org }) => org));
  }

  /** What was appended here need not be waited for. Older than what is known already changes nothing. */
  put(id: string, agent: KnownAgent): void {
    const { state, revision } = agent.thing;
    if (revision === null || revision <= (this.agents.get(id)?.thing.revision ?? -1n)) return;
    if (state.deregistered) this.agents.delete(id);
    else this.agents.set(id, agent);
  }

  /** Agents and checkpoint as of one moment, so that start does not read the whole history. */
  private async seed(): Promise<void> {
    const connection = await this.connections.pool.connect();
    try {
      await connection.query('begin isolation level repeatable read read only');
      // Before the first look: a table that another replica puts in its place meanwhile would be empty to this one.
      await connection.query('lock table agents.projections, agents.agents in access share mode');
      const { rows: checkpoints } = await connection.query<{
        commit_position: string | null;
        prepare_position: string | null;
      }>(
        `select commit_position, prepare_position from agents.projections where name = 'agents' and version = $1`,
        [agentList.version],
      );
      const { rows } = await connection.query<SeedRow>(
        `select id, org, revision, state, strpos(state::text, U&'\\FFFD') > 0 as altered from agents.agents
         where deregistered = 'no'`,
      );
      await connection.query('commit');
      const { commit_position: commit, prepare_position: prepare } = checkpoints[0] ?? {};
      if (!commit || !prepare) return;
      this.position = { commit: BigInt(commit), prepare: BigInt(prepare) };
      for (const { id, org, revision, state, altered } of rows)
        this.put(id, {
          org,
          thing: altered ? await this.things.load(id, org) : { state, revision: BigInt(revision) },
        });
    } finally {
      connection.release();
    }
  }

  private take(stored: StoredEvent): void {
    const { thingId: id, metadata, revision } = stored;
    const known = this.agents.get(id);
    const event = understood(agentEvents, stored)?.event;
    // Deregistered, or begun by a version that this one does not know.
    if (!known && event?.type !== 'AgentRegistered.v2') return;
    const { org, thing } = known ?? {
      org: metadata.org,
      thing: { state: noAgent, revision: null },
    };
    if (revision <= (thing.revision ?? -1n)) return;
    // Of a newer version: nothing is known of it but that the next event stands after it.
    const state = event ? agentDecider.evolve(thing.state, event) : thing.state;
    this.put(id, { org, thing: { state, revision } });
  }
}
