/** Makes the HTTP side of an application: used by the gateway's own process and by standalone. */
import { problem } from '@hybrid/contracts';
import { NatsStrategy } from '@hybrid/messaging';
import { type Connections, ConnectionsModule, readSettings } from '@hybrid/service';
import fastifyCookie from '@fastify/cookie';
import { FastifyOtelInstrumentation } from '@fastify/otel';
import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AddressInfo } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { GatewayModule } from './app.module.js';
import { MIN_VERSION, readCertificate, renewCertificate, type CertificateFiles } from './edge/certificate.js';
import { allowOrigins } from './edge/cors.js';
import { isReachedByTls } from './edge/edge.settings.js';
import { dropUnknownHeaders } from './edge/known-headers.js';
import { RateLimits } from './edge/rate-limits.js';
import { securityHeaders, secureAll } from './edge/security-headers.js';
import { limitSlowBodies } from './edge/slow-bodies.js';
import { streamArtifacts } from './edge/artifact-body.js';
import { documentPositions } from './edge/event-position.js';
import { codeOf, sendProblem } from './edge/problem.filter.js';
import { countRequests } from './edge/request-metrics.js';
import { GatewaySettings } from './gateway.settings.js';
import { routeName, tableFaults } from './identity/access-table.js';
import { Tokens } from './identity/identity.js';
import { type InstallationKeys } from './identity/installation-keys.js';
import { readInstallationKeys, readToken } from './identity/secret-file.js';
import { openSignIn } from './sign-in/sign-in-parts.js';

/** Bodies of the API; artifacts are streamed and have no limit here. */
const BODY_LIMIT_BYTES = 2 * 1024 * 1024;
/** A key of 200 characters, each percent-encoded at its longest. */
const MAX_PARAM_LENGTH = 200 * 12;
/** A slow link may take this long for one artifact. */
const REQUEST_TIMEOUT_MS = 60 * 60 * 1000;
/** For who connects and then says nothing, or little by little. */
const HEADERS_TIMEOUT_MS = 20_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * Opens the gateway, together with the services whose modules are given; answers the port it listens on.
 * @throws Error that says what is wrong with the settings, or that the port is taken.
 */
export async function openGateway(
  connections: Connections,
  services: Type[],
): Promise<{ app: NestFastifyApplication; port: number }> {
  const settings = readSettings(GatewaySettings, 'gateway');
  const [adminToken, joinToken, keys] = await readSecrets(settings);
  const tokens = new Tokens(adminToken, joinToken);
  const tls = certificateFiles(settings);
  const pair = tls && (await readCertificate(tls));
  const secure = securityHeaders(isReachedByTls(settings));
  const limits = new RateLimits(settings);
  const signIn = await openSignIn(settings, connections.nats);
  const adapter = new FastifyAdapter({
    ...(pair && {
      https: { ...pair, minVersion: MIN_VERSION, handshakeTimeout: HANDSHAKE_TIMEOUT_MS },
    }),
    // Without it `X-Forwarded-For` is only a header, and `request.ip` whoever is at the other end of the connection.
    trustProxy: settings.HYBRID_TRUSTED_PROXIES.length > 0 && settings.HYBRID_TRUSTED_PROXIES,
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    // What the router itself refuses never reaches Nest.
    frameworkErrors: (
      { statusCode = 400, message }: FastifyError,
      request: FastifyRequest,
      reply: FastifyReply,
    ) => {
      secure(request, reply);
      sendProblem(reply, request.url, statusCode, problem('invalid', codeOf(statusCode), message).problem);
    },
  });
  const fastify = adapter.getInstance<FastifyInstance>();
  fastify.server.headersTimeout = HEADERS_TIMEOUT_MS;
  const routes = listRoutes(fastify);
  dropUnknownHeaders(fastify);
  secureAll(fastify, secure);
  limits.countAddresses(fastify);
  limitSlowBodies(fastify);
  await prepare(fastify, connections.stopping);
  const root: DynamicModule = {
    module: class Root {},
    imports: [
      ConnectionsModule.with(connections),
      GatewayModule.with(settings, tokens, keys, limits, signIn),
      ...services,
    ],
  };
  const app = await NestFactory.create<NestFastifyApplication>(root, adapter, {
    logger: ['warn', 'error', 'fatal'],
    // Agents sign the bytes, not what they mean.
    rawBody: true,
  });
  allowOrigins(app, settings.HYBRID_CORS_ORIGINS);
  document(app);
  if (services.length) await attach(app, connections);
  await app.init();
  const faults = tableFaults(routes);
  if (faults.length > 0) throw new Error(`who may use what is not settled:\n  ${faults.join('\n  ')}`);
  try {
    await app.listen(settings.HYBRID_PORT, settings.HYBRID_HOST);
  } catch (cause) {
    await app.close();
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    throw new Error(
      `port ${settings.HYBRID_PORT} on ${settings.HYBRID_HOST} is in use: set HYBRID_PORT to another one, or to 0`,
      {
        cause,
      },
    );
  }
  if (tls && pair && fastify.server instanceof TlsServer)
    fastify.server.once('close', renewCertificate(fastify.server, tls, pair));
  return { app, port: (app.getHttpServer().address() as AddressInfo).port };
}

/** The settings have it that there are both, or neither. */
function certificateFiles(settings: GatewaySettings): CertificateFiles | null {
  const { HYBRID_TLS_CERT_FILE: certFile, HYBRID_TLS_KEY_FILE: keyFile } = settings;
  return certFile && keyFile ? { certFile, keyFile } : null;
}

function readSecrets(settings: GatewaySettings): Promise<[string, string, InstallationKeys]> {
  const of = (name: 'HYBRID_ADMIN_TOKEN' | 'HYBRID_JOIN_TOKEN' | 'HYBRID_KEYS') => ({
    name,
    value: settings[name],
    file: settings[`${name}_FILE`],
  });
  return Promise.all([
    readToken(of('HYBRID_ADMIN_TOKEN')),
    readToken(of('HYBRID_JOIN_TOKEN')),
    readInstallationKeys(of('HYBRID_KEYS')),
  ]);
}

/** Every route that is added from now on, by its name in the access table; the API's own document, and what CORS answers, are for everybody. */
function listRoutes(fastify: FastifyInstance): Set<string> {
  const routes = new Set<string>();
  fastify.addHook('onRoute', ({ method, url }) => {
    if (/^\/api\/(docs|openapi\.)/.test(url)) return;
    for (const one of [method].flat()) if (one !== 'OPTIONS') routes.add(routeName(one, url));
  });
  return routes;
}

async function attach(app: NestFastifyApplication, { nats, eventStoreReach }: Connections): Promise<void> {
  app.connectMicroservice({ strategy: new NatsStrategy(nats, eventStoreReach) });
  await app.startAllMicroservices();
}

async function prepare(fastify: FastifyInstance, stopping: AbortSignal): Promise<void> {
  countRequests(fastify);
  streamArtifacts(fastify);
  await fastify.register(fastifyCookie);
  fastify.addContentTypeParser('application/x-ndjson', { parseAs: 'buffer' }, (request, body, done) => {
    Object.assign(request, { rawBody: body });
    done(null, body.toString());
  });
  if (process.env['OTEL_EXPORTER_OTLP_ENDPOINT']) {
    const instrumentation = new FastifyOtelInstrumentation({
      instrumentHooks: false,
      instrumentHandler: false,
      requestHook: (span, request) => {
        span.updateName(`${request.method} ${request.routeOptions.url ?? ''}`);
        // Without the query, which holds codes of sign-ins, and whatever else somebody puts there.
        span.setAttribute('url.path', request.url.split('?')[0]!);
      },
    });
    await fastify.register(instrumentation.plugin());
  }
  fastify.addHook('onRequest', async ({ url }) => {
    if (url.includes('%00'))
      throw problem('invalid', 'invalid_input', 'the URL holds a NUL, which no name and no text has');
  });
  // The server closes when its last connection does, and a client keeps its own open for the next request.
  fastify.addHook('onSend', (_, reply, payload, done) => {
    if (stopping.aborted) void reply.header('connection', 'close');
    done(null, payload);
  });
  // Whoever sends a trace gets it back, also where tracing is off here.
  fastify.addHook('onRequest', async (request, reply) => {
    const { traceparent } = request.headers;
    if (typeof traceparent === 'string') void reply.header('traceparent', traceparent);
  });
}

function document(app: NestFastifyApplication): void {
  const config = new DocumentBuilder()
    .setTitle('hybrid')
    .setDescription(
      'Hybrid CI/CD: the control plane. Errors are application/problem+json with a stable `code`.',
    )
    .setVersion('1')
    .addBearerAuth()
    .build();
  SwaggerModule.setup('api/docs', app, () => documentPositions(SwaggerModule.createDocument(app, config)), {
    jsonDocumentUrl: 'api/openapi.json',
    yamlDocumentUrl: 'api/openapi.yaml',
  });
}
