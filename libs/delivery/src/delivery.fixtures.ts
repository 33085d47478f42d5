import type { Delivery } from '@hybrid/contracts';
import { deliveryId } from './digests.js';

export const RELAY_ID = '0b8f6a52-6f0e-4d3e-9a34-5d1f0c6f2f10';

/** A push, or what `changes` make of it; the id follows. */
export function deliveryForTests(changes: Partial<Delivery> = {}): Delivery {
  const delivery: Delivery = {
    v: 1,
    id: '',
    relay_id: RELAY_ID,
    source: 'github',
    tool: 'github',
    kind: 'push',
    event: 'push',
    action: null,
    delivery: '72d3162e-cc78-11e3-81ab-4c9367dc0958',
    received_at: '2026-01-02T03:04:05.678Z',
    payload: { bytes: 1234, keyed_sha256: 'ab'.repeat(32), key_id: 'digests-2026' },
    metadata: {
      repository: 'acme/web',
      clone_url: 'https://github.com/acme/web.git',
      branch: 'main',
      commit: '6113728f27ae82c7b1a177c8d03f9e96e0adf246',
      author: 'dependabot[bot]',
      paths: ['src/ü.ts'],
      paths_complete: true,
    },
    ...changes,
  };
  const { source, payload, part } = delivery;
  return { ...delivery, id: changes.id ?? deliveryId(source, payload.keyed_sha256, part) };
}
