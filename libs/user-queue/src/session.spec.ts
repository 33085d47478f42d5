import { describe, expect, it } from '@jest/globals';
import { Session } from './session.js';
import { QueueError } from './user-queue.js';

describe('a session', () => {
  /** Connections are numbers; those in `open` are. */
  const session = (fails: () => boolean = () => false) => {
    const open = new Set<number>();
    let last = 0;
    const made = new Session<number>({
      async connect() {
        last += 1;
        if (fails()) throw new Error(`attempt ${last}`);
        open.add(last);
        return last;
      },
      isOpen: (connection) => open.has(connection),
      close: (connection) => void open.delete(connection),
      explain: (cause) => new QueueError('queue_unavailable', (cause as Error).message, { cause }),
    });
    return { made, open };
  };
  const number = async (connection: number) => connection;

  it('is one connection, however many use it', async () => {
    const { made, open } = session();
    expect(await Promise.all([made.use(number), made.use(number), made.use(number)])).toEqual([1, 1, 1]);
    open.clear();
    expect(await Promise.all([made.use(number), made.use(number)])).toEqual([2, 2]);
    await made.close();
    expect(open.size).toBe(0);
  });

  it('begins anew after a failure, and says why', async () => {
    let broken = true;
    const { made, open } = session(() => broken);
    await expect(made.use(number)).rejects.toMatchObject({ code: 'queue_unavailable', message: 'attempt 1' });
    await expect(made.use(number)).rejects.toMatchObject({ message: 'attempt 2' });
    broken = false;
    expect(await made.use(number)).toBe(3);
    await expect(made.use(async () => Promise.reject(new Error('it broke')))).rejects.toThrow('it broke');
    expect(open.size).toBe(0);
    expect(await made.use(number)).toBe(4);
  });

  it('stays what it is where the server refused and is there', async () => {
    const { made } = session();
    const denied = new QueueError('queue_denied', 'no');
    await expect(made.use(async () => Promise.reject(denied))).rejects.toBe(denied);
    expect(await made.use(number)).toBe(1);
  });

  it('does not wait for ever', async () => {
    const { made, open } = session();
    await expect(made.use(() => new Promise(() => undefined), 20)).rejects.toMatchObject({
      code: 'queue_unavailable',
      message: expect.stringContaining('did not answer') as unknown as string,
    });
    expect(open.size).toBe(0);
  });

  it('is over once it is closed', async () => {
    const { made } = session();
    await made.close();
    await expect(made.use(number)).rejects.toMatchObject({ code: 'queue_unavailable' });
  });
});
