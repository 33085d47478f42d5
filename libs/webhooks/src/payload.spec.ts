import { cpuMs } from '@hybrid/testing';
import { describe, expect, it } from '@jest/globals';
import { WEBHOOK_MAX_BYTES } from '@hybrid/delivery';
import { readPayload, type Payload } from './payload.js';

const read = (body: string | Buffer, type = 'application/json', form = false): Payload =>
  readPayload({ headers: { 'content-type': type }, body: Buffer.from(body) }, { form });
const codeOf = (...args: Parameters<typeof read>): string => read(...args).refusal?.code ?? 'read';

describe('the body of a webhook', () => {
  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON',
    'application/cloudevents+json',
  ])('is read as %s', (type) => {
    expect(read('{"a":1}', type)).toEqual({ value: { a: 1 } });
  });

  it.each(['', 'text/plain', 'text/json', 'multipart/form-data', 'application/jsonp'])(
    'is not read as "%s"',
    (type) => {
      expect(codeOf('{}', type)).toBe('wrong_content_type');
    },
  );

  it('is read out of a form where the tool sends such, with exactly one payload', () => {
    const type = 'application/x-www-form-urlencoded';
    const payload = `payload=${encodeURIComponent('{"a":"ü+ &"}')}`;
    expect(read(payload, type, true)).toEqual({ value: { a: 'ü+ &' } });
    expect(codeOf(payload, type, false)).toBe('wrong_content_type');
    expect(codeOf(`${payload}&${payload}`, type, true)).toBe('not_json');
    expect(codeOf('a=1', type, true)).toBe('not_json');
  });

  it.each(['', '{', '{"a":1}x', "{'a':1}", '\u0000'])('%p is no JSON', (text) => {
    expect(codeOf(text)).toBe('not_json');
  });

  it('is not read where it is no UTF-8', () => {
    expect(codeOf(Buffer.from([0x22, 0xff, 0xfe, 0x22]))).toBe('not_json');
  });

  it('is refused before it is parsed where it is deep, wide or long', () => {
    const took = cpuMs(() => {
      expect(codeOf('['.repeat(5_000_000))).toBe('too_complex');
      expect(codeOf(`${'{"a":'.repeat(51)}1${'}'.repeat(51)}`)).toBe('too_complex');
      expect(codeOf(`[${'[],'.repeat(1_500_000)}0]`)).toBe('too_complex');
      expect(codeOf(Buffer.alloc(WEBHOOK_MAX_BYTES + 1, 0x20))).toBe('too_large');
    });
    expect(took).toBeLessThan(10_000);
  });

  it('counts neither brackets nor commas within texts', () => {
    const text = `${'['.repeat(100)}\\"${','.repeat(1_000_001)}\\\\`;
    expect(codeOf(`{"a":"${text}"}`)).toBe('read');
  });

  it('is read up to its largest size', () => {
    const body = `{"a":"${'x'.repeat(WEBHOOK_MAX_BYTES - 8)}"}`;
    expect(Buffer.byteLength(body)).toBe(WEBHOOK_MAX_BYTES);
    expect(codeOf(body)).toBe('read');
  });

  it('pollutes nothing', () => {
    expect(codeOf('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}')).toBe('read');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});
