import { Text, Whole } from './fields.js';
import type { PageQuery } from './request.js';

/** Query string of every list. */
export class ListQuery implements PageQuery {
  @Whole({ min: 1, max: 200, optional: true, description: 'how many to answer; 50 unless told' })
  limit?: number;

  @Text('metadata', { optional: true, max: 500, description: '`next_cursor` of the page before' })
  cursor?: string;
}
