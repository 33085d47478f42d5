/** `npm run bench:queue` measures the queue beside its peers; `npm run bench:store` the event store beside its limits, `npm run bench:auth` what it costs to know an agent, `npm run bench:pipeline` whole pipelines beside a CI server, `npm run bench:relay` webhooks until their runs start. */
const [what = 'queue', ...options] = process.argv.slice(2);
switch (what) {
  case 'queue':
    await (await import('./queue/queue-bench.js')).benchQueue(options);
    break;
  case 'load':
    await (await import('./queue/load.js')).serveLoad();
    break;
  case 'peer-front':
    await (await import('./queue/peers/peer-front.js')).servePeer(options);
    break;
  case 'auth':
    await (await import('./auth/auth-bench.js')).benchAuth();
    break;
  case 'pipeline':
    await (await import('./pipeline/pipeline-bench.js')).benchPipeline(options);
    break;
  case 'relay':
    await (await import('./relay/relay-bench.js')).benchRelay(options);
    break;
  case 'sqs':
    await (await import('./relay/queues/sqs-server.js')).serveSqs(options);
    break;
  case 'store':
    await (await import('./store/store-bench.js')).benchStore(options);
    break;
  case 'no-op-server':
    await (await import('./store/no-op-server.js')).serveNothing(options[0]);
    break;
  default:
    console.error(`bench: '${what}' is not known; it is queue, pipeline, store, auth or relay`);
    process.exitCode = 2;
}
