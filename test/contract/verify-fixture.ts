// Two databases to compare. The apply is a stand-in that is always caught up, so whatever differs was put there by the test.

import type { QueryResult } from 'pg';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { Replication } from '../../src/apply/replication.ts';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { PostgresDigests } from '../../src/databases/postgres/digest.ts';
import { Gate } from '../../src/health/gate.ts';
import { RunStatus } from '../../src/observe/status.ts';
import type { LiveVerifyContext } from '../../src/verify/compare.ts';
import { EmptyCounts } from '../../src/verify/empty-counts.ts';
import { PendingKeys } from '../../src/verify/pending.ts';
import { openPair, type Pair, withClient } from '../fleet/databases.ts';

export class CaughtUp implements Replication {
  readonly failed = new Promise<never>(() => undefined);
  readonly marks: string[] = [];
  /** Runs when a marker is written: between the read of the source and that of the target. */
  between: () => Promise<void> = async () => undefined;
  async passed(): Promise<void> {}
  async met(): Promise<void> {}
  async atBarrier<T>(work: () => Promise<T>): Promise<T> {
    return work();
  }
  observe(): void {}
  async mark(content: string): Promise<void> {
    this.marks.push(content);
    await this.between();
  }
}

export interface VerifyWorld {
  readonly context: LiveVerifyContext;
  readonly apply: CaughtUp;
  onSource(sql: string): Promise<QueryResult>;
  onTarget(sql: string): Promise<QueryResult>;
}

/** To be called once in a test file: registers its hooks. Each test begins with what `schema` makes, alike on both sides. */
export function verifyWorld(
  schema: string,
  compared: Pick<LiveVerifyContext, 'tables' | 'progress' | 'limits'>,
): VerifyWorld {
  let pair: Pair;
  let apply: CaughtUp;
  let context: LiveVerifyContext;
  const onSource = (sql: string) => withClient(pair.sourceUrl, (client) => client.query(sql));
  const onTarget = (sql: string) => withClient(pair.targetUrl, (client) => client.query(sql));

  beforeAll(async () => {
    pair = await openPair();
  });
  afterAll(() => pair.close());

  beforeEach(async () => {
    const anew = `DROP SCHEMA public CASCADE; CREATE SCHEMA public; ${schema}`;
    await Promise.all([onSource(anew), onTarget(anew)]);
    const from = new PostgresServer('source', pair.sourceUrl, 'verify');
    const to = new PostgresServer('target', pair.targetUrl, 'verify');
    const source = new PostgresDigests({ server: from });
    const target = new PostgresDigests({ server: to });
    apply = new CaughtUp();
    context = {
      ...compared,
      source,
      target,
      pending: new PendingKeys(),
      emptyCounts: new EmptyCounts(),
      status: new RunStatus('verify'),
      signal: new AbortController().signal,
      log: apply,
      replication: apply,
      gate: new Gate(),
    };
    return async () => {
      await Promise.all([source.close(), target.close()]);
      await Promise.all([from.close(), to.close()]);
    };
  });

  return {
    get context() {
      return context;
    },
    get apply() {
      return apply;
    },
    onSource,
    onTarget,
  };
}
