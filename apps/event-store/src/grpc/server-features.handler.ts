/** ServerFeatures.GetSupportedMethods: what is really served, from the definitions that are. */
import features from '@eventstore/db-client/generated/serverfeatures_pb.js';
import type { handleUnaryCall, ServiceDefinition } from '@grpc/grpc-js';

declare const HYBRID_VERSION: string;

/** EventStoreDB's version whose behaviour is followed, and behind it who we are. */
const VERSION = `24.2.0-hybrid.${HYBRID_VERSION}`;

/** What the client asks for before it calls: whether groups of consumers can be on a stream and on $all. */
const FEATURES: Record<string, string[]> = {
  'event_store.client.persistent_subscriptions.persistentsubscriptions': ['stream', 'all'],
};

export function supportedMethodsHandler(
  services: readonly ServiceDefinition[],
): handleUnaryCall<unknown, features.SupportedMethods> {
  const supported = new features.SupportedMethods().setEventStoreServerVersion(VERSION);
  for (const service of services) {
    for (const { path } of Object.values(service)) {
      const [, name = '', method = ''] = path.split('/');
      const serviceName = name.toLowerCase();
      supported.addMethods(
        new features.SupportedMethod()
          .setServiceName(serviceName)
          .setMethodName(method.toLowerCase())
          .setFeaturesList(FEATURES[serviceName] ?? []),
      );
    }
  }
  return (_call, answer) => answer(null, supported);
}
