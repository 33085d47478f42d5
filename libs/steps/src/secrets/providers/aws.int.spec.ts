import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseReference } from '../secret-reference.js';
import { readAws } from './aws.js';

const never = new AbortController().signal;
const ENV = {
  AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'the-access-key',
  AWS_REGION: 'eu-central-1',
  AWS_MAX_ATTEMPTS: '1',
};

describe('AWS Secrets Manager, by its SDK against a server that speaks its protocol', () => {
  let server: Server;
  const before = { ...process.env };
  const asked: { target: string; authorization: string; body: Record<string, unknown> }[] = [];

  beforeAll(async () => {
    const stored: Record<string, object> = {
      'prod/npm': { SecretString: '{"token":"the-value"}' },
      binary: { SecretBinary: Buffer.from('bytes').toString('base64') },
    };
    server = createServer((request, response) => {
      let text = '';
      request.on('data', (piece: Buffer) => (text += piece.toString()));
      request.on('end', () => {
        const body = JSON.parse(text) as Record<string, unknown>;
        const { 'x-amz-target': target, authorization = '' } = request.headers;
        asked.push({ target: String(target), authorization, body });
        const found = stored[String(body['SecretId'])];
        response.writeHead(found ? 200 : 400, { 'content-type': 'application/x-amz-json-1.1' });
        response.end(
          JSON.stringify(
            found
              ? { Name: body['SecretId'], VersionId: 'v', ...found }
              : {
                  __type: 'ResourceNotFoundException',
                  Message: "Secrets Manager can't find the specified secret.",
                },
          ),
        );
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    Object.assign(process.env, ENV, { AWS_ENDPOINT_URL_SECRETS_MANAGER: `http://127.0.0.1:${port}` });
  });
  afterAll(async () => {
    process.env = before;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('asks, signed, for version and stage in the region that is named', async () => {
    const reference = parseReference('aws-sm://prod/npm?region=us-east-2&stage=AWSPREVIOUS#token');
    expect(await readAws(reference, never)).toBe('the-value');
    const { target, authorization, body } = asked.at(-1)!;
    expect(target).toBe('secretsmanager.GetSecretValue');
    expect(authorization).toMatch(/^AWS4-HMAC-SHA256 .*\/us-east-2\/secretsmanager\/aws4_request/);
    expect(body).toEqual({ SecretId: 'prod/npm', VersionStage: 'AWSPREVIOUS' });
  });

  it('takes bytes, too, and says what AWS says', async () => {
    expect(await readAws(parseReference('aws-sm://binary'), never)).toBe('bytes');
    await expect(readAws(parseReference('aws-sm://gone'), never)).rejects.toMatchObject({
      message: "AWS says ResourceNotFoundException: Secrets Manager can't find the specified secret.",
      passing: false,
    });
    await expect(readAws(parseReference('aws-sm://prod/npm#other'), never)).rejects.toThrow(
      'there is no key other',
    );
  });
});
