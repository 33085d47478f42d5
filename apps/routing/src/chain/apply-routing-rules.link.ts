import { route } from '@hybrid/net-zero';
import { Link, type Context } from 'codeuchain';
import { setImmediate } from 'node:timers/promises';
import type { Decided, Polled, Turn, TurnConnection } from './turn.js';

/** Pure: the customer's rules over what was polled. */
export class ApplyRoutingRulesLink extends Link<Turn, Turn> {
  override async call(context: Context<Turn>): Promise<Context<Turn>> {
    const { routes } = context.get('connection') as TurnConnection;
    const polled = context.get('polled') as Polled[];
    const decided: Decided[] = [];
    for (const one of polled) {
      decided.push({ ...one, decisions: route(one.delivery, routes) });
      // One event may take some tenths of a second, and others have a turn of their own.
      await setImmediate();
    }
    return context.insert('decided', decided);
  }
}
