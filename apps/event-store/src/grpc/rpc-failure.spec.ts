import { status } from '@grpc/grpc-js';
import { describe, expect, it } from '@jest/globals';
import { DamagedRecordError } from '../store/store-errors.js';
import { statusOf } from './rpc-failure.js';

describe('the status of a failure', () => {
  it.each([
    new DamagedRecordError('position 5', 'its checksum differs'),
    new Error('MDB_CORRUPTED: Located page was wrong type'),
    new Error('MDB_PAGE_NOTFOUND: Requested page not found'),
    new Error('MDB_BAD_TXN: Transaction must abort, has a child, or is invalid: Invalid dupdata flag'),
  ])('is that of a loss where what is stored is damaged: %s', (error) =>
    expect(statusOf(error)).toBe(status.DATA_LOSS),
  );

  it.each([
    new Error('MDB_READERS_FULL: Environment maxreaders limit reached'),
    new Error('it says MDB_CORRUPTED'),
    'MDB_CORRUPTED',
  ])('is no loss where something else went wrong: %s', (error) =>
    expect(statusOf(error)).toBe(status.INTERNAL),
  );
});
