import { route } from '@hybrid/net-zero';
import { Link, type Context } from 'codeuchain';
import type { Decided, Polled, Turn, TurnConnection } from './turn.js';

/** Pure: the customer's rules over what was polled. */
export class ApplyRoutingRulesLink extends Link<Turn, Turn> {
  override async call(context: Context<Turn>): Promise<Context<Turn>> {
    const { routes } = context.get('connection') as TurnConnection;
    const polled = context.get('polled') as Polled[];
    const decided: Decided[] = polled.map((one) => ({ ...one, decisions: route(one.delivery, routes) }));
    return Promise.resolve(context.insert('decided', decided));
  }
}
