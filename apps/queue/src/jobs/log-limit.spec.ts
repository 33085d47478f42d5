import { describe, expect, it } from '@jest/globals';
import { QueueSettings } from '../queue.settings.js';
import { LogLimit } from './log-limit.js';

describe('the limit of a log', () => {
  const limit = () => new LogLimit(Object.assign(new QueueSettings(), { HYBRID_LOG_LIMIT_MB: 1 }));
  const KB = 1024;

  it('is of each job, and leaves room for a few last words', () => {
    const logs = limit();
    for (let chunk = 0; chunk < 4; chunk++) expect(logs.allows('a', 256 * KB)).toBe(true);
    expect(logs.allows('a', 256 * KB)).toBe(false);
    expect(logs.allows('b', 256 * KB)).toBe(true);
    let words = 0;
    while (words < 1_000 && logs.allows('a', 4 * KB)) words++;
    expect(words).toBe(100);
  });

  it('remembers those who wrote last', () => {
    const logs = limit();
    logs.allows('first', 1024 * KB);
    for (let job = 0; job < 19_999; job++) logs.allows(`job-${job}`, 1);
    expect(logs.allows('first', 256 * KB)).toBe(false);
    logs.allows('one-more', 1);
    expect(logs.allows('first', 256 * KB)).toBe(true);
  });
});
