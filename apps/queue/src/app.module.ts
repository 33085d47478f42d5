import { projectionOperations } from '@hybrid/service';
import { Module } from '@nestjs/common';
import { ExpiredLeases } from './jobs/expired-leases.process.js';
import { JobIndex } from './jobs/job-index.js';
import { JobListQueries } from './jobs/job-list.queries.js';
import { JobController } from './jobs/job.controller.js';
import { Jobs } from './jobs/jobs.js';

@Module({
  controllers: [projectionOperations('queue'), JobController],
  providers: [JobIndex, Jobs, JobListQueries, ExpiredLeases],
})
export class QueueModule {}
