import { describe, expect, it } from '@jest/globals';
import { runStep } from '../run-step.js';
import { stepBench } from '../step.fixtures.js';

describe('a deploy step', () => {
  const bench = stepBench();
  const config = {
    environment: 'production',
    service: 'web',
    provider: 'docker',
    image: 'none:v1',
    settings: {},
  };

  it.each([
    [[], 'it deploys nowhere'],
    [['staging'], 'it deploys to staging'],
  ])('is refused where the agent allows %j', async (deployTo, says) => {
    await expect(runStep(bench.step('step.deploy', config, { deployTo }))).rejects.toThrow(
      `this agent does not deploy to production; ${says}: start it with --deploy-to production`,
    );
  });
});
