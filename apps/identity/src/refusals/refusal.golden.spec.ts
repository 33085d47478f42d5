import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { refusalDecider } from './refusal.decider.js';

describe('stored events of refusals', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), refusalDecider, {
    version: 1,
    digest: '445308ca798c3f88',
  });

  it('are told once', () => {
    expect(fold(refusalDecider, [golden('AccessRefused')])).toEqual({ recorded: true });
  });
});
