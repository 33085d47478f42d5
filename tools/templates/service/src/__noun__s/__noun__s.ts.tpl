/** The __noun__s' commands and queries. */
import { problem, type CallContext, type ListQuery, type Page } from '@hybrid/contracts';
import { listPage, Things } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { __noun__List } from './__noun__-list.projection.js';
import type { __Noun__View } from './__noun__.contract.js';
import { __noun__Decider, type __Noun__Command, type __Noun__Event, type __Noun__State } from './__noun__.decider.js';
import { __noun__Publisher } from './__noun__.publisher.js';

@Injectable()
export class __Noun__s implements OnModuleInit {
  private readonly things: Things<__Noun__State, __Noun__Command, __Noun__Event>;

  constructor(private readonly connections: Connections) {
    this.things = new Things(connections.eventStore, '__noun__', __noun__Decider);
  }

  async onModuleInit(): Promise<void> {
    await this.connections.project(__noun__List);
    this.connections.publish(__noun__Publisher);
  }

  async handle(id: string, command: __Noun__Command, call: CallContext): Promise<__Noun__View> {
    return view(id, (await this.things.handle(id, command, call)).state);
  }

  list(query: ListQuery, call: CallContext): Promise<Page<__Noun__View>> {
    return listPage<{ id: string; created_at: Date; state: __Noun__State }, __Noun__View>({
      from: this.connections.readModel(__noun__List),
      table: '__service__.__noun__s',
      call,
      query,
      where: {},
      view: ({ id, state }) => view(id, state),
    });
  }
}

function view(id: string, { status, name }: __Noun__State): __Noun__View {
  if (!status) throw problem('not_found', '__noun___not_found', 'there is no such __noun__');
  return { id, name, status };
}
