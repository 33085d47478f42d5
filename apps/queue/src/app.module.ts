import { projectionOperations, readSettings } from '@hybrid/service';
import { Module } from '@nestjs/common';
import { Claims } from './claims/claims.js';
import { GroupPlaces } from './claims/group-places.js';
import { ExplainController } from './explain/explain.controller.js';
import { Explanations } from './explain/explanations.js';
import { ClaimHistory } from './explain/claim-history.js';
import { LiveFigures } from './figures/live-figures.js';
import { ExpiredLeases } from './jobs/expired-leases.process.js';
import { JobIndex } from './jobs/job-index.js';
import { JobListQueries } from './jobs/job-list.queries.js';
import { JobController } from './jobs/job.controller.js';
import { Jobs } from './jobs/jobs.js';
import { LogLimit } from './jobs/log-limit.js';
import { OverdueJobs } from './jobs/overdue-jobs.process.js';
import { JobPools } from './pools/job-pools.js';
import { PoolController } from './pools/pool.controller.js';
import { QueueSettings } from './queue.settings.js';
import { Replicas } from './replicas/replicas.js';
import { VerificationController } from './verify/verification.controller.js';
import { Verifications } from './verify/verifications.js';

@Module({
  controllers: [
    projectionOperations('queue'),
    JobController,
    PoolController,
    ExplainController,
    VerificationController,
  ],
  providers: [
    { provide: QueueSettings, useFactory: () => readSettings(QueueSettings, 'queue') },
    JobIndex,
    LogLimit,
    Jobs,
    JobListQueries,
    GroupPlaces,
    Claims,
    Replicas,
    ExpiredLeases,
    OverdueJobs,
    LiveFigures,
    JobPools,
    Explanations,
    ClaimHistory,
    Verifications,
  ],
})
export class QueueModule {}
