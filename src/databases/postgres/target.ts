// PostgreSQL as a target: the parts, put behind the port.

import type { Catalog } from '../../model/catalog.ts';
import type { Finding } from '../../model/finding.ts';
import type { Digests } from '../digests.ts';
import type { Fence } from '../fence.ts';
import type { Sequences } from '../sequences.ts';
import type { Lane, LaneCheckpoint, Loader, Target, Traits } from '../target.ts';
import { analyzeNew, completeSchema, createSchema, dropSchema } from './build.ts';
import type { ServerFacts } from './check/facts.ts';
import { checkTarget } from './check/target.ts';
import type { PostgresServer, Session } from './connection.ts';
import { PostgresDigests } from './digest.ts';
import { PostgresFence } from './fence.ts';
import { closedFromBirth, hasFence } from './fence-function.ts';
import { readIdentity } from './identity.ts';
import { type LeaseClaim, proveLease } from './journal-schema.ts';
import { PostgresLoader } from './load.ts';
import { PostgresSequences } from './sequences.ts';
import { readCheckpoints } from './write/journal-moves.ts';
import { PostgresLane } from './write/lane.ts';

export interface PostgresTargetOptions {
  readonly server: PostgresServer;
  /** The run's id. */
  readonly id: string;
  /** Throws while no lease is held; only what writes asks. */
  readonly claim: () => LeaseClaim;
  readonly digestConcurrency: number;
  readonly networkTimeoutMs: number;
  /** What the source is, to compare versions, encodings and collations. */
  readonly sourceFacts: () => Promise<ServerFacts>;
  /** Connections the run opens at most. */
  readonly connections: number;
}

const DIRECTION = 'forward';

export class PostgresTarget implements Target {
  readonly traits: Traits = { bypassesTriggers: true, transactionalDdl: true };
  readonly digests: Digests;
  readonly sequences: Sequences;
  readonly #options: PostgresTargetOptions;
  #fence: Fence | undefined;
  #pinging: Promise<Session> | undefined;

  constructor(options: PostgresTargetOptions) {
    this.#options = options;
    this.digests = new PostgresDigests({ server: options.server, concurrency: options.digestConcurrency });
    this.sequences = new PostgresSequences(options.server);
  }

  get fence(): Fence {
    const { server, id, claim } = this.#options;
    this.#fence ??= new PostgresFence({ server, id, claim: claim() });
    return this.#fence;
  }

  async check(catalog: Catalog, resuming: boolean): Promise<readonly Finding[]> {
    const { server, sourceFacts, connections } = this.#options;
    const source = await sourceFacts();
    return server.with('check', (session) => checkTarget(session, catalog, resuming, { source, connections }));
  }

  identity(): Promise<string> {
    return this.#options.server.with('identity', readIdentity);
  }

  async ping(): Promise<void> {
    this.#pinging ??= this.#options.server.session({ purpose: 'ping' });
    await (await this.#pinging).query('SELECT 1');
  }

  /** Tables and fence appear in one transaction: there is no moment at which an application could write to them. */
  create(catalog: Catalog): Promise<void> {
    const { server, id, claim } = this.#options;
    const tables = catalog.tables.map(({ table }) => table);
    return server.with('schema', (session) =>
      session.transaction(async () => {
        await proveLease(session, claim());
        // What stands there without our fence is somebody else's, and creating over it fails.
        if (await hasFence(session, id)) return;
        await createSchema(session, catalog);
        for (const statement of closedFromBirth(id, tables)) await session.run(statement, []);
      }),
    );
  }

  complete(catalog: Catalog, progress: (subject: string) => void): Promise<void> {
    return this.#options.server.with('schema', async (session) => {
      await analyzeNew(session, catalog);
      await completeSchema(session, catalog, progress, (proving) => proveLease(proving, this.#options.claim()));
    });
  }

  async loader(): Promise<Loader> {
    const { server, claim, networkTimeoutMs } = this.#options;
    return new PostgresLoader({ server, claim: claim(), networkTimeoutMs });
  }

  async lane(): Promise<Lane> {
    const { server, claim } = this.#options;
    return new PostgresLane({ server, claim: claim(), direction: DIRECTION });
  }

  checkpoints(): Promise<readonly LaneCheckpoint[]> {
    const { server, claim } = this.#options;
    return server.with('checkpoints', (session) => readCheckpoints(session, claim(), DIRECTION));
  }

  drop(catalog: Catalog): Promise<void> {
    const { server, id } = this.#options;
    return server.with('schema', async (session) => {
      if (await hasFence(session, id)) await dropSchema(session, catalog);
    });
  }

  async close(): Promise<void> {
    await this.#options.server.close();
  }
}
