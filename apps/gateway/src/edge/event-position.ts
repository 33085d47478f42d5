/**
 * Reads that are at least as new as a command: an answer to what wrote events says where they stand in the log, in
 * `X-Event-Position`; a request that sends the header gets lists that hold everything up to there, or 503.
 * An answer without the header wrote nothing: so does a command that comes again and finds its work done.
 */
import { parsePosition, problem } from '@hybrid/contracts';
import type { OpenAPIObject } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';

const HEADER = 'X-Event-Position';

/** @throws ProblemError `invalid_input` that names the header, for anything but a position. */
export function wantedPosition(headers: Record<string, string | string[] | undefined>): bigint | undefined {
  const text = headers[HEADER.toLowerCase()];
  if (text === undefined) return undefined;
  const position = parsePosition(String(text));
  if (position === null)
    throw problem('invalid', 'invalid_input', `the header ${HEADER} is no position`, [
      { path: HEADER, message: 'send the digits that a command answered in this header, or leave it out' },
    ]);
  return position;
}

/** For `wrote` of a call: keeps the highest position, as a request may touch several services. */
export function tellPosition(reply: FastifyReply): (position: bigint) => void {
  let highest = -1n;
  return (position) => {
    if (position <= highest) return;
    highest = position;
    void reply.header(HEADER, position.toString());
  };
}

/** Says it once in the document, for every route. */
export function documentPositions(document: OpenAPIObject): OpenAPIObject {
  const schema = { type: 'string', pattern: '^\\d{1,19}$', example: '4711' } as const;
  const components = (document.components ??= {});
  components.parameters = {
    ...components.parameters,
    EventPosition: {
      name: HEADER,
      in: 'header',
      required: false,
      description:
        'The answer shall be at least as new as this: a position that a command answered. 503 `read_model_behind` ' +
        'with `Retry-After` if that takes longer than five seconds. Single things are always up to date.',
      schema,
    },
  };
  components.headers = {
    ...components.headers,
    EventPosition: {
      description:
        'Where the last event of this command stands in the log. Not there where the command wrote none: what it ' +
        'was to do had been done before.',
      schema,
    },
  };
  for (const [path, { get, post, put, patch, delete: remove }] of Object.entries(document.paths)) {
    if (get && path.startsWith('/api/'))
      get.parameters = [...(get.parameters ?? []), { $ref: '#/components/parameters/EventPosition' }];
    for (const command of [post, put, patch, remove])
      for (const [status, response] of Object.entries(command?.responses ?? {}))
        if (status.startsWith('2') && response && !('$ref' in response))
          response.headers = {
            ...response.headers,
            [HEADER]: { $ref: '#/components/headers/EventPosition' },
          };
  }
  return document;
}
