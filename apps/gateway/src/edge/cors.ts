/** Which pages of other origins may read answers: none, unless HYBRID_CORS_ORIGINS names them. */
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

/** What clients are to see of an answer's headers. */
const EXPOSED = [
  'Location',
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
  'Retry-After',
  'X-Event-Position',
];
/** Browsers ask anew after this. */
const PREFLIGHT_SECONDS = 600;

/** By token only: a cookie of ours is never sent from another origin. */
export function allowOrigins(app: NestFastifyApplication, origins: readonly string[]): void {
  if (origins.length === 0) return;
  app.enableCors({
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: [
      'Authorization',
      'Content-Type',
      'Idempotency-Key',
      'X-Organisation',
      'X-Event-Position',
    ],
    exposedHeaders: EXPOSED,
    credentials: false,
    maxAge: PREFLIGHT_SECONDS,
  });
}
