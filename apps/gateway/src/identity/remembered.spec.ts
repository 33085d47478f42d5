import { beforeEach, describe, expect, it } from '@jest/globals';
import { Remembered } from './remembered.js';

describe('what a credential stands for', () => {
  let now: number;
  let asked: number;
  let remembered: Remembered;
  const ask = async () => ++asked;

  beforeEach(() => {
    now = 0;
    asked = 0;
    remembered = new Remembered(() => now);
  });

  it('is asked once in ten seconds, however many want to know at once', async () => {
    expect(await Promise.all([1, 2, 3].map(() => remembered.get('key:1', ask)))).toEqual([1, 1, 1]);
    now = 9_999;
    expect(await remembered.get('key:1', ask)).toBe(1);
    now = 10_000;
    expect(await remembered.get('key:1', ask)).toBe(2);
    expect(await remembered.get('key:2', ask)).toBe(3);
  });

  it('is asked again after a word that it changed, also while an answer was on its way', async () => {
    await remembered.get('key:1', ask);
    remembered.forget('key:1');
    expect(await remembered.get('key:1', ask)).toBe(2);

    let answer: (value: number) => void = () => undefined;
    const slow = remembered.get('key:2', () => new Promise<number>((resolve) => (answer = resolve)));
    remembered.forget('key:2');
    answer(-1);
    expect(await slow).toBe(-1);
    expect(await remembered.get('key:2', ask)).toBe(3);
  });

  it('is not remembered where it was refused', async () => {
    const refuse = () => Promise.reject(new Error('no'));
    await expect(remembered.get('key:1', refuse)).rejects.toThrow('no');
    expect(await remembered.get('key:1', ask)).toBe(1);
  });

  it('is asked again for whoever has reason to, which tells nobody', async () => {
    const told: string[] = [];
    remembered.watch('agent:a', () => told.push('changed'));
    expect(await remembered.get('agent:a', ask)).toBe(1);
    expect(await remembered.getAnew('agent:a', ask)).toBe(2);
    expect(await remembered.get('agent:a', ask)).toBe(2);
    expect(told).toEqual([]);
  });

  it('tells those who watch it of each change, until they have enough', () => {
    const told: string[] = [];
    const stops = ['one', 'two'].map((name) => remembered.watch('agent:a', () => told.push(name)));
    remembered.forget('agent:b');
    remembered.forget('agent:a');
    expect(told).toEqual(['one', 'two']);
    stops[0]!();
    remembered.forget('agent:a');
    expect(told).toEqual(['one', 'two', 'two']);
    stops[1]!();
    remembered.forget('agent:a');
    expect(told).toHaveLength(3);
  });
});
