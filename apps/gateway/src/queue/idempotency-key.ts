/** For the document of routes that create jobs: the header that edge/caller.ts turns into the job's id. */
export const IDEMPOTENCY_KEY = {
  name: 'idempotency-key',
  required: false,
  description: 'the same key again answers the same job; with another body it is refused with 409',
};
