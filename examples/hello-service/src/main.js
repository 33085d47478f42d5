import { createService } from './server.js';

const server = createService({ word: process.env.GREETING });
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(JSON.stringify({ listening: server.address().port }));
});
process.once('SIGTERM', () => server.close());
