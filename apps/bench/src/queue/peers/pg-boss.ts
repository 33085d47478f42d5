import PgBoss from 'pg-boss';
import type { Peer } from './peer-front.js';

/** pg-boss: one statement a call, on up to 10 connections; its maintenance runs. Completed jobs stay in the table. */
export async function openPgBoss(databaseUrl: string): Promise<Peer> {
  const boss = new PgBoss(databaseUrl);
  boss.on('error', (error) => console.error(`pg-boss: ${error.message}`));
  await boss.start();
  await boss.createQueue('bench');
  return {
    async enqueue(data) {
      const id = await boss.send('bench', data);
      if (id === null) throw new Error('pg-boss took no job');
      return id;
    },
    async claim() {
      const [job] = await boss.fetch<unknown>('bench');
      return job ? { id: job.id, data: job.data } : null;
    },
    complete: (id) => boss.complete('bench', id),
  };
}
