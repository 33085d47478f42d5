/** Stands between agents and a gateway as a control plane would that means harm: it alters jobs and proofs. */
import type { ClaimedJob, RunProof } from '@hybrid/contracts';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Harm {
  job?: (job: ClaimedJob) => unknown;
  proof?: (proof: RunProof) => unknown;
}

export interface MaliciousGateway {
  url: string;
  /** From now on; without, everything goes through as it is. */
  harm: Harm;
  close(): Promise<void>;
}

export async function maliciousGateway(gateway: string): Promise<MaliciousGateway> {
  const server = createServer((asked, answer) => {
    const url = new URL(asked.url!, gateway);
    const onward = request(url, { method: asked.method, headers: asked.headers }, (response) => {
      void pass(asked, response, answer);
    });
    onward.on('error', () => answer.destroy());
    answer.on('close', () => onward.destroy());
    asked.pipe(onward);
  });
  async function pass(
    asked: IncomingMessage,
    response: IncomingMessage,
    answer: ServerResponse,
  ): Promise<void> {
    const alter = response.statusCode === 200 || response.statusCode === 201 ? alteration(asked) : undefined;
    if (!alter) {
      answer.writeHead(response.statusCode!, response.headers);
      response.on('error', () => answer.destroy()).pipe(answer);
      return;
    }
    const chunks = await response.toArray();
    const body = JSON.parse(Buffer.concat(chunks as Buffer[]).toString()) as object;
    alter(body);
    const { 'content-length': _, 'transfer-encoding': __, ...headers } = response.headers;
    answer.writeHead(response.statusCode!, headers).end(JSON.stringify(body));
  }
  function alteration({ url = '' }: IncomingMessage): ((body: object) => unknown) | undefined {
    const { job, proof } = malicious.harm;
    if (job && url === '/api/queue/claim')
      return (body) => (body as { jobs: ClaimedJob[] }).jobs.forEach(job);
    return proof && url.endsWith('/proof') ? (body) => proof(body as RunProof) : undefined;
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const malicious: MaliciousGateway = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    harm: {},
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return malicious;
}
