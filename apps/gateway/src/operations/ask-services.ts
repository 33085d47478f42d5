import { ProblemError, SERVICES, type CallContext, type Request } from '@hybrid/contracts';
import type { Requests } from '@hybrid/messaging';

type Question = Record<string, never>;

/**
 * Asks every service the same. `services` names each: `answered`, `unreachable`, or the code of what went wrong there;
 * one that did not answer is named, not hidden.
 */
export async function askServices<Answer>(
  requests: Requests,
  requestOf: (service: string) => Request<Question, Answer>,
  call: CallContext,
): Promise<{ answers: Answer[]; services: Record<string, string> }> {
  const ask = async (service: string): Promise<{ service: string; status: string; answer?: Answer }> => {
    try {
      return { service, status: 'answered', answer: await requests.send(requestOf(service), {}, call) };
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      const { kind, code } = error.problem;
      return { service, status: kind === 'unavailable' ? 'unreachable' : code };
    }
  };
  const asked = await Promise.all(SERVICES.map(ask));
  return {
    answers: asked.flatMap(({ answer }) => (answer === undefined ? [] : [answer])),
    services: Object.fromEntries(asked.map(({ service, status }) => [service, status])),
  };
}
