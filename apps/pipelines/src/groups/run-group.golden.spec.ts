import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { RUN_GROUP_FOLD, runGroupDecider } from './run-group.decider.js';

describe('stored events', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), runGroupDecider, {
    version: RUN_GROUP_FOLD,
    digest: 'fab4e6dea839239b',
  });

  it('say who works, who waits and who does not any more', () => {
    const [admitted, held] = [golden('RunAdmitted'), golden('RunHeldBack')];
    const [first, second] = [admitted.data.run_id, held.data.run_id];
    const both = [admitted, held];
    expect(fold(runGroupDecider, both)).toMatchObject({ at_work: first, waits: { run_id: second } });
    expect(fold(runGroupDecider, [...both, golden('RunLeft')])).toMatchObject({
      at_work: second,
      waits: null,
    });
    expect(fold(runGroupDecider, [...both, golden('RunSuperseded')])).toMatchObject({
      waits: null,
      superseded: [{ run_id: second }],
    });
  });
});
