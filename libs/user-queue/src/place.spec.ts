import { describe, expect, it } from '@jest/globals';
import { Place } from './place.js';

describe('a host that a configuration names', () => {
  it('is refused without a word about what its name stands for here', async () => {
    const place = Place.of('https://localhost:8443', { allowHost: () => false });
    const refusal = await place.check().catch((error: Error) => error);
    expect(refusal).toMatchObject({ code: 'queue_denied' });
    expect(String((refusal as Error).message)).not.toMatch(/127\.0\.0\.1|::1/);
  });
});
