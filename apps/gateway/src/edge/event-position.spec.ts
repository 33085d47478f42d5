import { describe, expect, it } from '@jest/globals';
import type { FastifyReply } from 'fastify';
import { documentPositions, tellPosition, wantedPosition } from './event-position.js';

describe('X-Event-Position of a request', () => {
  it.each([
    [undefined, undefined],
    ['0', 0n],
    ['4711', 4711n],
    ['9223372036854775807', 9223372036854775807n],
  ])('%s is %s', (text, position) => {
    expect(wantedPosition({ 'x-event-position': text })).toBe(position);
  });

  it.each(
    [
      [
        '',
        ' ',
        '-1',
        '+1',
        '1.0',
        '1e3',
        '0x10',
        'latest',
        '9223372036854775808',
        '99999999999999999999',
        '1, 2',
        '１',
      ],
    ].flat(),
  )('refuses "%s" by the name of the header', (text) => {
    expect(() => wantedPosition({ 'x-event-position': text })).toThrow(
      expect.objectContaining({
        problem: expect.objectContaining({
          kind: 'invalid',
          code: 'invalid_input',
          errors: [{ path: 'X-Event-Position', message: expect.any(String) }],
        }),
      }),
    );
  });
});

describe('X-Event-Position of an answer', () => {
  it('is the highest position that was told', () => {
    const sent = new Map<string, string>();
    const reply = { header: (name: string, value: string) => sent.set(name, value) };
    const tell = tellPosition(reply as unknown as FastifyReply);
    expect(sent.size).toBe(0);
    for (const position of [5n, 12n, 9n]) tell(position);
    expect([...sent]).toEqual([['X-Event-Position', '12']]);
  });
});

describe('the document', () => {
  it('has the header for every read and every command of the API, described once', () => {
    const operation = () => ({ responses: { 200: { description: '' }, 404: { description: '' } } });
    const document = documentPositions({
      openapi: '3.0.0',
      info: { title: '', version: '' },
      paths: {
        '/api/things': { get: operation(), post: operation() },
        '/health': { get: operation() },
      },
    });
    const { get, post } = document.paths['/api/things']!;
    expect(get?.parameters).toEqual([{ $ref: '#/components/parameters/EventPosition' }]);
    expect(post?.responses['200']).toMatchObject({
      headers: { 'X-Event-Position': { $ref: '#/components/headers/EventPosition' } },
    });
    expect(post?.responses['404']).toEqual({ description: '' });
    expect(document.paths['/health']?.get?.parameters).toBeUndefined();
    expect(document.components).toMatchObject({
      parameters: { EventPosition: { in: 'header' } },
      headers: { EventPosition: { schema: { type: 'string' } } },
    });
  });
});
