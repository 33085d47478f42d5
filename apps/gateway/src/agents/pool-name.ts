import { problem } from '@hybrid/contracts';
import { Injectable, type PipeTransform } from '@nestjs/common';

/** As long as an agent or a job may name one. */
const MAX_LENGTH = 100;

/** A pool's name in a URL. @throws ProblemError `invalid_input`. */
@Injectable()
export class PoolName implements PipeTransform<string, string> {
  transform(name: string): string {
    if (name.length <= MAX_LENGTH) return name;
    throw problem('invalid', 'invalid_input', 'the name of the pool is too long', [
      { path: 'pool_name', message: `pool_name must have at most ${MAX_LENGTH} characters` },
    ]);
  }
}
