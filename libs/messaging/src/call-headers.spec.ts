import type { CallContext } from '@hybrid/contracts';
import { describe, expect, it } from '@jest/globals';
import { MsgHdrsImpl } from '@nats-io/transport-node';
import { callHeaders, readCall } from './call-headers.js';

const call: CallContext = {
  org: 'acme',
  actor: { type: 'agent', id: 'a:1' },
  address: '2001:db8::1',
  correlationId: 'c',
  causationId: 'e',
  atLeast: 7n,
};

describe('the headers of a call', () => {
  it('say on the wire who asks, for whom and how new the answer shall be', () => {
    const sent = MsgHdrsImpl.decode((callHeaders(call) as MsgHdrsImpl).encode());
    expect(readCall(sent)).toEqual(call);
  });

  it.each([
    { ...call, org: 'acme\r\nHybrid-Org: other' },
    { ...call, actor: { ...call.actor, id: 'a\nHybrid-Actor: user:root' } },
    { ...call, correlationId: 'c\r' },
    { ...call, address: '::1\nHybrid-Org: other' },
  ])('let nobody slip in one of their own (%#)', (forged) => {
    expect(() => callHeaders(forged)).toThrow(/line break/);
  });
});
