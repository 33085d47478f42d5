/** Answers which tests of a pipeline failed or were flaky lately. */
import { problem, type CallContext, type ListQuery, type Page, type TestView } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { testsOf } from './flaky-tests.js';
import { runTests, type RunTests } from './run-tests.projection.js';

/** Runs with tests that are looked at, the latest ones. */
const LATEST_RUNS = 100;
/** What one request reads and answers stays within a message. */
const MAX_TESTS = 1_000;
const DEFAULT_LIMIT = 50;

@Injectable()
export class TestHistory implements OnModuleInit {
  constructor(private readonly connections: Connections) {}

  async onModuleInit(): Promise<void> {
    await this.connections.project(runTests);
  }

  /** A cursor is a place in the list of that moment. @throws ProblemError `invalid_cursor`. */
  async list(pipelineId: string, query: ListQuery, call: CallContext): Promise<Page<TestView>> {
    const { limit = DEFAULT_LIMIT, cursor = '0' } = query;
    if (!/^\d{1,6}$/.test(cursor))
      throw problem('invalid', 'invalid_cursor', 'cursor is not one that a list answered as next_cursor', [
        { path: 'cursor', message: 'take next_cursor of the page before, or leave it out' },
      ]);
    await this.connections.readModel(runTests).reach(call.atLeast);
    const { rows } = await this.connections.pool.query<{ id: string; state: RunTests }>(
      `select id, state from pipelines.run_tests where org = $1 and pipeline = $2
       order by created_at desc limit ${LATEST_RUNS}`,
      [call.org, pipelineId],
    );
    const tests = testsOf(rows).slice(0, MAX_TESTS);
    const begin = Number(cursor);
    const end = begin + limit;
    return {
      items: tests.slice(begin, end),
      total: tests.length,
      next_cursor: end < tests.length ? String(end) : null,
    };
  }
}
