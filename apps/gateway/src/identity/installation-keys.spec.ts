import { describe, expect, it } from '@jest/globals';
import { InstallationKeys } from './installation-keys.js';

const A = 'A'.repeat(43);
const B = `${'B'.repeat(42)}A`;

describe('the keys of an installation', () => {
  it('are read from lines; the first is for what is new, the others for what is old', () => {
    const keys = InstallationKeys.parse(`# rotated in May\nk2:${B}\n\nk1:${A}\n`);
    expect(keys.current).toBe('k2');
    expect(keys.has('k1')).toBe(true);
    expect(keys.derive('k1', 'x')).toEqual(InstallationKeys.parse(`k1:${A}`).derive('k1', 'x'));
  });

  it('give other bytes for another purpose and from another key', () => {
    const keys = InstallationKeys.parse(`k1:${A}\nk2:${B}`);
    const all = [keys.derive('k1', 'x'), keys.derive('k1', 'y'), keys.derive('k2', 'x')];
    expect(new Set(all.map((bytes) => bytes.toString('hex'))).size).toBe(3);
    expect(all[0]).toHaveLength(32);
  });

  it('are generated as a file that can be read, another one each time', () => {
    const text = InstallationKeys.generate();
    expect(InstallationKeys.parse(text).current).toBe('k1');
    expect(InstallationKeys.generate()).not.toBe(text);
  });

  it.each([
    ['', /no key/],
    ['k1:short', /line 1/],
    [`k1:${A}\nk1:${B}`, /line 2/],
    [`k1:${A}\nsecret-without-id`, /line 2/],
  ])('say what is wrong with %j, and never what stands there', (text, message) => {
    expect(() => InstallationKeys.parse(text)).toThrow(message);
    expect(() => InstallationKeys.parse(text)).not.toThrow(/short|secret-without/);
  });
});
