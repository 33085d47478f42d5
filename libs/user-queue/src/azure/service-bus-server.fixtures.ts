/**
 * As much of the broker of Service Bus as its SDK uses, by AMQP: claims by $cbs, links, locks, settlement, $management. A
 * token's signature is checked, and each link needs its claim.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import rhea, { type Connection, type EventContext, type Message, type Sender } from 'rhea';
import { lineTo } from '../line.fixtures.js';
import type { AzureServiceBusQueue } from '../queue-config.js';
import type { QueueUnderTest } from '../queue-contract.fixtures.js';

interface Held {
  message: Message;
  enqueued: Date;
  sequence: number;
  /** Times that it was given out. */
  count: number;
  lockedUntil: number;
}

/** By the name of the policy. */
const MAY: Record<string, { key: string; claims: string[] }> = {
  writer: { key: 'writer-key', claims: ['Send'] },
  reader: { key: 'reader-key', claims: ['Listen'] },
  both: { key: 'both-key', claims: ['Send', 'Listen'] },
  stranger: { key: 'stranger-key', claims: [] },
};
const LOCK_MS = 2_000;
/** Not in the types of rhea. */
const outcomes = rhea.message as unknown as Record<
  'accepted' | 'rejected',
  (of?: object) => { described(): unknown }
>;

export async function startServiceBus(): Promise<QueueUnderTest & { writer: AzureServiceBusQueue }> {
  const held = new Set<Held>();
  const dead: string[] = [];
  const out = new Map<object, Held>();
  const waiting = new Set<Sender>();
  const claims = new WeakMap<Connection, Set<string>>();
  const answers = new WeakMap<Connection, Map<string, Sender>>();
  let sequence = 0;

  const container = rhea.create_container();
  const give = () => {
    for (const sender of waiting)
      for (const one of held) {
        if (!sender.sendable()) break;
        if (one.lockedUntil > performance.now()) continue;
        one.lockedUntil = performance.now() + LOCK_MS;
        const annotations = {
          'x-opt-enqueued-time': one.enqueued,
          'x-opt-sequence-number': one.sequence,
          'x-opt-locked-until': new Date(Date.now() + LOCK_MS),
        };
        const delivery = sender.send(
          { ...one.message, delivery_count: one.count++, message_annotations: annotations },
          randomBytes(16),
        );
        out.set(delivery, one);
      }
  };
  const timer = setInterval(give, 20);

  const refusal = (connection: Connection, address: string, claim: string) => {
    if (address === '$cbs') return undefined;
    if (address.split('/')[0] !== 'deliveries')
      return {
        condition: 'amqp:not-found',
        description: `The messaging entity '${address}' could not be found.`,
      };
    if (claims.get(connection)?.has(claim)) return undefined;
    return {
      condition: 'amqp:unauthorized-access',
      description: `Unauthorized access. '${claim}' claim(s) are required`,
    };
  };
  container.on('receiver_open', ({ connection, receiver }: EventContext) => {
    const { address } = receiver!.target as { address: string };
    const refused = refusal(connection, address, address.endsWith('$management') ? 'Listen' : 'Send');
    receiver!.set_target({ address });
    Object.assign((receiver as unknown as { local: { attach: object } }).local.attach, {
      max_message_size: 256 * 1024,
    });
    if (refused) receiver!.close(refused);
  });
  container.on('sender_open', ({ connection, sender }: EventContext) => {
    const { address } = sender!.source as { address: string };
    const refused = refusal(connection, address, 'Listen');
    sender!.set_source({ address });
    if (refused) return void sender!.close(refused);
    if (!address.includes('$')) return void waiting.add(sender!);
    const known = answers.get(connection) ?? new Map<string, Sender>();
    answers.set(connection, known.set(address, sender!));
  });
  container.on('sender_close', ({ sender }: EventContext) => void waiting.delete(sender!));
  container.on('sender_draining', ({ sender }: EventContext) => sender!.set_drained(true));
  for (const lost of ['disconnected', 'connection_close'])
    container.on(lost, ({ connection }: EventContext) => {
      for (const sender of waiting) if (sender.connection === connection) waiting.delete(sender);
    });
  for (const event of [
    'connection_error',
    'session_error',
    'receiver_error',
    'sender_error',
    'protocol_error',
  ])
    container.on(event, () => undefined);

  container.on('message', ({ connection, receiver, message }: EventContext) => {
    const { address } = receiver!.target as { address: string };
    if (!address.includes('$')) {
      for (const one of unpacked(message!))
        held.add({ message: one, enqueued: new Date(), sequence: ++sequence, count: 0, lockedUntil: 0 });
      return;
    }
    const status = address === '$cbs' ? putToken(message!) : { code: 204, text: 'nothing to see' };
    if (address === '$cbs' && status.code === 202) claims.set(connection, new Set(status.claims));
    answers
      .get(connection)
      ?.get(address)
      ?.send({
        correlation_id: message!.message_id,
        application_properties: {
          'status-code': status.code,
          'status-description': status.text,
          statusCode: status.code,
        },
        body: { messages: [] },
      });
  });

  const settled = (event: string, work: (one: Held, info?: Record<string, string>) => unknown) =>
    container.on(event, ({ delivery }: EventContext) => {
      const given = delivery as unknown as {
        remote_state?: { error?: { info?: Record<string, string> } };
        update(settled: boolean, state: unknown): void;
      };
      const one = out.get(delivery!);
      out.delete(delivery!);
      const ours = one && held.has(one) && one.lockedUntil > performance.now();
      if (ours) work(one, given.remote_state?.error?.info);
      const lost = { condition: 'com.microsoft:message-lock-lost', description: 'the lock is lost' };
      given.update(
        true,
        ours ? outcomes.accepted().described() : outcomes.rejected({ error: lost }).described(),
      );
    });
  settled('accepted', (one) => held.delete(one));
  settled('modified', (one) => void (one.lockedUntil = 0));
  settled('released', (one) => void (one.lockedUntil = 0));
  settled('rejected', (one, info) => {
    held.delete(one);
    dead.push(`${textOf(one.message)} ${info?.['DeadLetterErrorDescription']}`);
  });

  const server = container.listen({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const line = await lineTo((server.address() as AddressInfo).port);
  const config: AzureServiceBusQueue = {
    kind: 'azure_service_bus',
    namespace: 'localhost',
    queue: 'deliveries',
  };
  const policy = (name: string, key: string) =>
    `Endpoint=sb://localhost:${line.port};SharedAccessKeyName=${name};SharedAccessKey=${key};UseDevelopmentEmulator=true`;
  const nowhere = { ...config, queue: 'nowhere' };
  return {
    writer: config,
    reader: config,
    credentials: {
      writer: policy('writer', 'writer-key'),
      reader: policy('reader', 'reader-key'),
      tooMuch: policy('both', 'both-key'),
      wrong: policy('reader', 'wrong-secret'),
      stranger: policy('stranger', 'stranger-key'),
    },
    missing: { writer: nowhere, reader: nowhere },
    aside: async () => dead,
    breakConnection: line.break,
    mendConnection: line.mend,
    stop: async () => {
      clearInterval(timer);
      await line.close();
      await new Promise((closed) => server.close(closed));
    },
  };
}

/** `SharedAccessSignature sr=…&sig=…&se=…&skn=…` */
function putToken(message: Message): { code: number; text: string; claims?: string[] } {
  const token = new URLSearchParams(String(message.body).replace(/^SharedAccessSignature /, ''));
  const [resource, expiry, name] = [token.get('sr') ?? '', token.get('se') ?? '', token.get('skn') ?? ''];
  const policy = MAY[name];
  const signature = createHmac('sha256', policy?.key ?? '')
    .update(`${encodeURIComponent(resource)}\n${expiry}`)
    .digest('base64');
  return policy && token.get('sig') === signature
    ? { code: 202, text: 'Accepted', claims: policy.claims }
    : { code: 401, text: `InvalidSignature: The token has an invalid signature: ${String(message.body)}` };
}

/** A batch is one message whose data are messages; of its format rhea hands over the bytes. */
function unpacked(batch: Message | Buffer): Message[] {
  if (!Buffer.isBuffer(batch)) return [batch];
  const { content } = rhea.message.decode(batch).body as { content: Buffer | Buffer[] };
  return [content].flat().map((bytes) => rhea.message.decode(bytes) as unknown as Message);
}

const textOf = ({ body }: Message) => String((body as { content: Buffer }).content);
