/** What can go wrong in the store; the gRPC edge gives each of them its status. */

/** A stored record is not what was written; `where` names stream and revision, or the position. */
export class DamagedRecordError extends Error {
  override readonly name = 'DamagedRecordError';
  constructor(
    readonly where: string,
    reason: string,
  ) {
    super(`The stored record of ${where} is damaged: ${reason}. Restore the data directory from a backup.`);
  }
}

/** The store as a whole is not what was written; `faults` are what was found first. */
export class DamagedStoreError extends Error {
  override readonly name = 'DamagedStoreError';
  constructor(
    readonly directory: string,
    readonly faults: readonly string[],
    options?: ErrorOptions,
  ) {
    super(`The store in ${directory} is damaged: ${faults.join('; ')}. Restore it from a backup.`, options);
  }
}

/** The stream was tombstoned: it can be neither read nor written again. */
export class StreamDeletedError extends Error {
  override readonly name = 'StreamDeletedError';
  constructor(readonly stream: string) {
    super(`Event stream '${stream}' is deleted.`);
  }
}

/** Nothing of the transaction was stored. */
export class WriteFailedError extends Error {
  override readonly name = 'WriteFailedError';
}

/** The store is shutting down; the command was not run. */
export class StoreClosedError extends Error {
  override readonly name = 'StoreClosedError';
  constructor() {
    super('The event store is shutting down; connect again and retry.');
  }
}
