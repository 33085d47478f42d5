/** The job can't be made as the pipeline wants it. */
export class JobError extends Error {
  override readonly name = 'JobError';
}
