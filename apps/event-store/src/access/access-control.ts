/** Who may do what, when users are configured: asked at the start of each call, and at each append of a batch. */
import type { Metadata } from '@grpc/grpc-js';
import type { RecordedEvent } from '../store/event-record.js';
import type { EventStore } from '../store/event-store.js';
import { StreamDeletedError } from '../store/store-errors.js';
import { metastreamOf } from '../store/stream-limits.js';
import { AccessDeniedError } from './access-errors.js';
import { Authenticator } from './authenticator.js';
import {
  governedStream,
  isOperator,
  mayDo,
  parseAcl,
  parseSettings,
  type ChosenAcl,
  type Principal,
  type StreamAction,
  type SystemSettings,
} from './stream-acl.js';
import type { User } from './users-file.js';

const SETTINGS_STREAM = '$settings';
/** Parsed events that are kept: an ACL is some hundred bytes. */
const MAX_CACHED = 10_000;

/** Somebody's call. */
export interface Caller {
  /** Throws AccessDeniedError. */
  require(action: StreamAction, stream: string): void;
  /** Whether links to events of this stream are followed. */
  mayRead(stream: string): boolean;
  /** For what is not about one stream. Throws AccessDeniedError unless the caller is in `$admins` or `$ops`. */
  requireOperator(): void;
}

export class AccessControl {
  private readonly authenticator: Authenticator;
  private readonly acls: LastEvents<ChosenAcl | undefined>;
  private readonly settings: LastEvents<SystemSettings>;

  constructor(store: EventStore, users: readonly User[]) {
    this.authenticator = new Authenticator(users);
    this.acls = new LastEvents(store, parseAcl);
    this.settings = new LastEvents(store, parseSettings);
  }

  /** The caller that a call's metadata names. Rejects with NotAuthenticatedError. */
  async callerOf(metadata: Metadata): Promise<Caller> {
    const who = await this.authenticator.authenticate(metadata.get('authorization')[0]?.toString());
    const may = (action: StreamAction, stream: string) => this.may(who, action, stream);
    return {
      require: (action, stream) => {
        if (!may(action, stream)) throw new AccessDeniedError(`'${who.name}' may not ${action} '${stream}'.`);
      },
      mayRead: (stream) => may('read', stream),
      requireOperator: () => {
        if (!isOperator(who)) throw new AccessDeniedError(`'${who.name}' is neither in $admins nor in $ops.`);
      },
    };
  }

  private may(who: Principal, action: StreamAction, stream: string): boolean {
    const acl = this.acls.of(metastreamOf(governedStream(stream)));
    return mayDo(who, action, stream, acl, this.settings.of(SETTINGS_STREAM) ?? {});
  }
}

/** What the last event of a stream says, parsed once for each event. */
class LastEvents<Value> {
  private readonly cached = new Map<string, { id: number; revision: number; value: Value }>();

  constructor(
    private readonly store: EventStore,
    private readonly parse: (data: Uint8Array) => Value,
  ) {}

  /** Undefined for a stream that has no event to show. */
  of(stream: string): Value | undefined {
    const state = this.stateOf(stream);
    if (!state || state.last < 0) return undefined;
    const known = this.cached.get(stream);
    if (known?.id === state.id && known.revision === state.last) return known.value;
    const event: RecordedEvent | undefined = this.store.eventOf(stream, state, state.last);
    if (!event) return undefined;
    const value = this.parse(event.data);
    if (this.cached.size >= MAX_CACHED) this.cached.clear();
    this.cached.set(stream, { id: state.id, revision: state.last, value });
    return value;
  }

  private stateOf(stream: string) {
    try {
      return this.store.streamState(stream);
    } catch (error) {
      if (error instanceof StreamDeletedError) return undefined;
      throw error;
    }
  }
}
