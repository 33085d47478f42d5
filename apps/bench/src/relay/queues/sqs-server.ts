/** SQS of fauxqs as a process of its own. It lets everybody in; who may not send is refused before it, as IAM would. */
import { buildApp } from 'fauxqs';

export async function serveSqs([port = '0']: string[]): Promise<void> {
  const app = buildApp({ logger: false });
  app.addHook('preHandler', async ({ headers, body }, reply) => {
    const isReader = headers.authorization?.includes('Credential=READER/') ?? false;
    const isSent = /\.SendMessage(Batch)?$/.test(String(headers['x-amz-target']));
    const { QueueUrl: url = '' } = (body ?? {}) as Record<string, string>;
    if (!isReader || !isSent || url.endsWith('/aside')) return undefined;
    return reply
      .code(403)
      .type('application/x-amz-json-1.0')
      .send({ __type: 'com.amazon.coral.service#AccessDeniedException', message: 'a reader may not send' });
  });
  await app.listen({ host: '127.0.0.1', port: Number(port) });
  process.once('SIGTERM', () => process.exit(0));
  console.log(JSON.stringify({ ready: true, endpoint: app.listeningOrigin }));
}
