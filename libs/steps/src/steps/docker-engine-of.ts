import type Docker from 'dockerode';
import { DockerExecutor } from '../sandbox/docker-executor.js';
import { DockerProblem, findEngine } from '../sandbox/docker-engine.js';
import { StepProblem, type StepContext } from '../step.js';

/** The engine that the agent's steps run in, or the one of its machine. Throws StepProblem where there is none. */
export async function engineOf({ executor, job }: StepContext): Promise<Docker> {
  if (executor instanceof DockerExecutor) return executor.engine;
  const remedy = `${job.spec.step.type} needs one: let it run on an agent with --executor docker`;
  if (executor.name === 'dummy')
    throw new StepProblem(`the dummy executor has no Docker engine, and ${remedy}`);
  try {
    return await findEngine();
  } catch (cause) {
    if (!(cause instanceof DockerProblem)) throw cause;
    throw new StepProblem(`${cause.message}, and ${remedy}`, { cause });
  }
}
