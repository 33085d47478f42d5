/** What goes wrong with a group of consumers, and the trailers in which the client looks for it. */
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { toServiceError } from '../grpc/rpc-failure.js';

export type GroupErrorKind =
  'exists' | 'does-not-exist' | 'maximum-subscribers-reached' | 'dropped' | 'failed';

/** A call about a group cannot be obeyed, or the group is no more. */
export class GroupError extends Error {
  override readonly name = 'GroupError';
  constructor(
    readonly kind: GroupErrorKind,
    readonly stream: string,
    readonly group: string,
    readonly reason = '',
    options?: ErrorOptions,
  ) {
    super(sentence(kind, stream, group, reason), options);
  }
}

/** The error to end a call with. */
export function toGroupServiceError(error: unknown): ServiceError {
  if (!(error instanceof GroupError)) return toServiceError(error);
  const metadata = new Metadata();
  const { code, exception } = RPC[error.kind];
  const trailers = {
    exception,
    'stream-name': error.stream,
    'group-name': error.group,
    reason: error.reason,
  };
  // Trailers are ASCII; other characters leave percent-encoded.
  for (const [key, value] of Object.entries(trailers))
    if (value) metadata.set(key, /^[ -~]*$/.test(value) ? value : encodeURI(value));
  return Object.assign(new Error(error.message, { cause: error }), {
    name: error.name,
    code,
    details: error.message,
    metadata,
  });
}

const RPC: Record<GroupErrorKind, { code: status; exception: string }> = {
  exists: { code: status.ALREADY_EXISTS, exception: 'persistent-subscription-exists' },
  'does-not-exist': { code: status.NOT_FOUND, exception: 'persistent-subscription-does-not-exist' },
  'maximum-subscribers-reached': {
    code: status.FAILED_PRECONDITION,
    exception: 'maximum-subscribers-reached',
  },
  dropped: { code: status.CANCELLED, exception: 'persistent-subscription-dropped' },
  failed: { code: status.INTERNAL, exception: 'persistent-subscription-failed' },
};

function sentence(kind: GroupErrorKind, stream: string, group: string, reason: string): string {
  const which = `Subscription group ${group} on stream ${stream}`;
  switch (kind) {
    case 'exists':
      return `${which} exists.`;
    case 'does-not-exist':
      return `${which} does not exist.`;
    case 'maximum-subscribers-reached':
      return `Maximum subscriptions reached for subscription group ${group} on stream ${stream}.`;
    case 'dropped':
      return `${which} was dropped.`;
    case 'failed':
      return `${which} failed: '${reason}'`;
  }
}
