import { ProblemError } from '@hybrid/contracts';
import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProblemFilter } from '../../edge/problem.filter.js';
import { HOME } from '../return-to.js';
import { html } from './html.js';
import { sendPage } from './page.js';

/** For routes that browsers open: people get a page, programs the problem. */
@Catch()
export class PageFilter implements ExceptionFilter {
  private readonly problems = new ProblemFilter();

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const { headers } = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    if (reply.sent || !headers.accept?.includes('text/html')) {
      this.problems.catch(error, host);
      return;
    }
    const { status, problem } = this.problems.describe(error, http.getRequest<FastifyRequest>());
    const known = error instanceof ProblemError;
    sendPage(
      reply,
      status,
      status >= 500 ? 'That did not work' : 'That is not possible',
      html`<p>${known ? problem.detail : 'The request was not understood.'}</p>
        <p><a href="${HOME}">Go on</a></p>
        <p><small>${problem.code}</small></p>`,
    );
  }
}
