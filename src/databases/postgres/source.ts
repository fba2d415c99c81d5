// PostgreSQL as a source: the parts, put behind the port.

import type { Catalog } from '../../model/catalog.ts';
import type { Finding } from '../../model/finding.ts';
import type { Digests } from '../digests.ts';
import type { Fence } from '../fence.ts';
import type { Sequences } from '../sequences.ts';
import type { Source, SourceChunks, SourceLog, TableSelection } from '../source.ts';
import { readCatalog } from './catalog.ts';
import { checkSource } from './check/source.ts';
import { PostgresChunks } from './chunks.ts';
import type { PostgresServer, Session } from './connection.ts';
import { PostgresDigests } from './digest.ts';
import { PostgresFence } from './fence.ts';
import { readFingerprint } from './fingerprint.ts';
import { readIdentity } from './identity.ts';
import { type LeaseClaim, proveLease } from './journal-schema.ts';
import { PostgresLog } from './log/log.ts';
import { PostgresSequences } from './sequences.ts';

export interface PostgresSourceOptions {
  readonly server: PostgresServer;
  /** The run's id. */
  readonly id: string;
  readonly slot: string;
  readonly publication: string;
  readonly selection: TableSelection;
  /** Throws while no lease is held; only what writes asks. */
  readonly claim: () => LeaseClaim;
  readonly digestConcurrency: number;
  /** Connections the run opens at most. */
  readonly connections: number;
  readonly onWaiting: (reason: string | null) => void;
}

export class PostgresSource implements Source {
  readonly log: SourceLog;
  readonly chunks: SourceChunks;
  readonly digests: Digests;
  readonly sequences: Sequences;
  readonly #options: PostgresSourceOptions;
  #fence: Fence | undefined;
  #pinging: Promise<Session> | undefined;

  constructor(options: PostgresSourceOptions) {
    this.#options = options;
    const { server } = options;
    this.log = new PostgresLog({ ...options, prove: (session) => proveLease(session, options.claim()) });
    this.chunks = new PostgresChunks(server);
    this.digests = new PostgresDigests({ server, concurrency: options.digestConcurrency });
    this.sequences = new PostgresSequences(server);
  }

  get fence(): Fence {
    const { server, id, claim } = this.#options;
    this.#fence ??= new PostgresFence({ server, id, claim: claim() });
    return this.#fence;
  }

  describe(selection: TableSelection): Promise<Catalog> {
    return this.#options.server.with('catalog', (session) => readCatalog(session, selection));
  }

  fingerprint(selection: TableSelection): Promise<string> {
    return this.#options.server.with('catalog', (session) => readFingerprint(session, selection));
  }

  check(catalog: Catalog): Promise<readonly Finding[]> {
    return this.#options.server.with('check', (session) => checkSource(session, catalog, this.#options));
  }

  identity(): Promise<string> {
    return this.#options.server.with('identity', readIdentity);
  }

  async ping(): Promise<void> {
    this.#pinging ??= this.#options.server.session({ purpose: 'ping' });
    await (await this.#pinging).query('SELECT 1');
  }

  async close(): Promise<void> {
    await this.#options.server.close();
  }
}
