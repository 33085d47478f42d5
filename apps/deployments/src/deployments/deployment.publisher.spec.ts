import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StoredEvent } from '@hybrid/event-store';
import type { DeploymentEvent } from './deployment.events.js';
import { deploymentPublisher } from './deployment.publisher.js';

const golden = join(import.meta.dirname, 'golden');

describe('what others see of a deployment', () => {
  it.each(readdirSync(golden))('%s: how it fares, never what it is made of', (file) => {
    const event = JSON.parse(readFileSync(join(golden, file), 'utf8')) as DeploymentEvent;
    const seen = deploymentPublisher.publish({ event, thingId: 'one' } as StoredEvent<DeploymentEvent>);
    expect(seen).toMatchObject({ noun: 'deployment', type: 'DeploymentChanged' });
    expect(Object.keys(seen!.data).sort()).toEqual(['deployment_id', 'message', 'status']);
  });
});
