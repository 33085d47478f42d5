import { HTTP_STATUS, problem, ProblemError, type Problem } from '@hybrid/contracts';
import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { STATUS_CODES } from 'node:http';

/** What is away or behind is mostly back soon. */
const RETRY_AFTER_SECONDS = 1;

/** Answers with the problem; `kind` is between us and the services. */
export function sendProblem(reply: FastifyReply, url: string, status: number, found: Problem): void {
  const { kind: _, ...shown } = found;
  if (status === 503) void reply.header('retry-after', String(RETRY_AFTER_SECONDS));
  if (status === 401) void reply.header('www-authenticate', 'Bearer');
  void reply
    .code(status)
    .type('application/problem+json')
    .send({
      type: 'about:blank',
      title: STATUS_CODES[status],
      status,
      ...shown,
      instance: url.split('?')[0],
    });
}

/** Every error leaves as RFC 9457 problem+json; what broke stays in the log. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger(ProblemFilter.name);

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const { status, problem: found } = this.describe(error, request);
    if (reply.sent || reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    sendProblem(reply, request.url, status, found);
  }

  describe(error: unknown, request: FastifyRequest): { status: number; problem: Problem } {
    if (error instanceof ProblemError)
      return { status: HTTP_STATUS[error.problem.kind], problem: error.problem };
    const status = statusOf(error);
    if (status && status < 500) {
      const detail = error instanceof Error ? error.message : 'the request was refused';
      return { status, problem: problem('invalid', codeOf(status), detail).problem };
    }
    this.logger.error(
      // Without the query, where codes and sessions may be.
      `${request.method} ${request.url.split('?')[0]}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    return {
      status: 500,
      problem: problem('internal', 'internal', 'the server failed; its log says why').problem,
    };
  }
}

function statusOf(error: unknown): number | undefined {
  if (error instanceof HttpException) return error.getStatus();
  return (error as { statusCode?: number }).statusCode;
}

/** `Payload Too Large` → `payload_too_large` */
export function codeOf(status: number): string {
  return (STATUS_CODES[status] ?? 'error').toLowerCase().replaceAll(/[^a-z]+/g, '_');
}
