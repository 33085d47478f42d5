/**
 * SQS of fauxqs, on loopback. It lets everybody in, so who may do what is decided before it: by the access key, as IAM
 * would; and it knows no roles, so AssumeRole is answered here.
 */
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { buildApp } from 'fauxqs';
import { lineTo } from '../line.fixtures.js';
import type { SqsQueue } from '../queue-config.js';
import type { QueueUnderTest } from '../queue-contract.fixtures.js';

const READS = ['ReceiveMessage', 'DeleteMessage', 'ChangeMessageVisibility', 'GetQueueAttributes'];
/** By access key. What a reader sends goes to the side queue only. */
const MAY: Record<string, string[]> = {
  OWNER: ['CreateQueue', 'SendMessage', ...READS],
  WRITER: ['SendMessage'],
  READER: [...READS],
  BOTH: ['SendMessage', ...READS],
  STRANGER: [],
  // What roles give.
  TAKEN: [...READS],
  SENDER: ['SendMessage'],
};
export const ROLE = 'arn:aws:iam::123456789012:role/reader';
/** Of a queue of decisions. */
export const SENDING_ROLE = 'arn:aws:iam::123456789012:role/sender';
const GIVES: Record<string, string> = { [ROLE]: 'TAKEN', [SENDING_ROLE]: 'SENDER' };
export const EXTERNAL_ID = 'org-1-a8f3';

export interface SqsServer extends QueueUnderTest {
  reader: SqsQueue;
  /** Whether the policies are looked at before the request is; AWS does not say. */
  policiesFirst: boolean;
  /** By whom, in the order of the requests: "READER ReceiveMessage". */
  asked: string[];
}

export async function startSqs(): Promise<SqsServer> {
  const app = buildApp({ logger: false });
  const state = { policiesFirst: true, asked: [] as string[] };
  app.addHook('preHandler', async ({ headers, body }, reply) => {
    const key = /Credential=([^/]+)/.exec(headers.authorization ?? '')?.[1] ?? '';
    const form = body as Record<string, string> | undefined;
    const action = String(headers['x-amz-target'] ?? form?.['Action']).replace(/^AmazonSQS\.|Batch$/g, '');
    state.asked.push(`${key} ${action}`);
    if (action === 'AssumeRole')
      return reply
        .type('text/xml')
        .code(given(key, form!) ? 200 : 403)
        .send(roleAnswer(given(key, form!)));
    const refuse = (code: string) =>
      reply
        .code(403)
        .type('application/x-amz-json-1.0')
        .send({
          __type: `com.amazon.coral.service#${code}`,
          message: `${key} may not ${action}, says the test; SECRET-IN-TEXT`,
        });
    const known = MAY[key];
    if (!known) return refuse('InvalidClientTokenId');
    const { QueueUrl: url = '', MessageBody: text } = form ?? {};
    if (!state.policiesFirst && text === '\0') return undefined;
    if (action === 'SendMessage' && url.endsWith('/aside') && known.includes('ReceiveMessage'))
      return undefined;
    return known.includes(action) ? undefined : refuse('AccessDeniedException');
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const line = await lineTo(Number(new URL(app.listeningOrigin).port));
  const endpoint = `http://127.0.0.1:${line.port}`;
  const owner = new SQSClient({
    region: 'eu-central-1',
    endpoint,
    credentials: { accessKeyId: 'OWNER', secretAccessKey: 's' },
  });
  const make = async (QueueName: string) =>
    (await owner.send(new CreateQueueCommand({ QueueName }))).QueueUrl!;
  const config: SqsQueue = {
    kind: 'sqs',
    queue_url: await make('deliveries'),
    aside: await make('aside'),
    region: 'eu-central-1',
    endpoint,
  };
  const nowhere = { ...config, queue_url: config.queue_url.replace(/deliveries$/, 'nowhere') };
  return Object.assign(state, {
    writer: config,
    reader: config,
    options: { leaseMs: 2_000 },
    credentials: {
      writer: 'WRITER:secret',
      reader: 'READER:secret',
      tooMuch: 'BOTH:secret',
      wrong: 'NOBODY:wrong-secret',
      stranger: 'STRANGER:secret',
    },
    missing: { writer: nowhere, reader: nowhere },
    aside: async () => {
      const { Messages = [] } = await owner.send(
        new ReceiveMessageCommand({
          QueueUrl: config.aside,
          MaxNumberOfMessages: 10,
          VisibilityTimeout: 0,
          MessageAttributeNames: ['All'],
        }),
      );
      return Messages.map(
        ({ Body, MessageAttributes }) => `${Body} ${MessageAttributes?.['reason']?.StringValue}`,
      );
    },
    breakConnection: line.break,
    mendConnection: line.mend,
    stop: async () => {
      owner.destroy();
      await line.close();
      await app.close();
    },
  });
}

/** The access key of the role. */
const given = (key: string, form: Record<string, string>) =>
  key === 'WRITER' && form['ExternalId'] === EXTERNAL_ID ? GIVES[form['RoleArn'] ?? ''] : undefined;

const roleAnswer = (key: string | undefined) =>
  key
    ? `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>${key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>${new Date(Date.now() + 3_600_000).toISOString()}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`
    : '<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>';
