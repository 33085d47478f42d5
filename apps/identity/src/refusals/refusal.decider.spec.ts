import { describe, it } from '@jest/globals';
import type { Refusal } from '@hybrid/contracts';
import { given } from '@hybrid/testing';
import { refusalDecider, type RefusalEvent } from './refusal.decider.js';

const now = '2026-01-01T00:01:00.000Z';
const refusal: Refusal = {
  what: 'credential',
  code: 'unauthenticated',
  where: 'POST /api/queue/claim',
  count: 7,
  since: '2026-01-01T00:00:00.000Z',
};
const refused: RefusalEvent = { type: 'AccessRefused', data: { ...refusal, at: now } };

describe('a refusal', () => {
  it('is written down once', () => {
    given(refusalDecider).when({ type: 'RecordRefusal', refusal, now }).then(refused);
    given(refusalDecider, refused)
      .when({ type: 'RecordRefusal', refusal: { ...refusal, count: 8 }, now })
      .thenNothing();
  });
});
