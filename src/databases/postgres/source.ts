// PostgreSQL as a source: the parts, put behind the port.

import type { Catalog } from '../../model/catalog.ts';
import type { SchemaDrift } from '../../model/drift.ts';
import type { Finding } from '../../model/finding.ts';
import type { RoleGrants } from '../../model/grant.ts';
import type { Position } from '../../model/position.ts';
import type { Table } from '../../model/table.ts';
import type { Digests } from '../digests.ts';
import type { Fence } from '../fence.ts';
import type { LeaseClaim } from '../lease-store.ts';
import type { Sequences } from '../sequences.ts';
import type { SchemaRecord, Source, SourceChunks, SourceLog, TableSelection } from '../source.ts';
import type { CanonicalOf } from './canonical-rows.ts';
import { readCatalog } from './catalog.ts';
import { checkSource } from './check/source.ts';
import { PostgresChunks } from './chunks.ts';
import type { PostgresServer } from './connection.ts';
import { PostgresDigests } from './digest.ts';
import { readDrift } from './drift.ts';
import { PostgresFence } from './fence/fence.ts';
import { readFingerprint } from './fingerprint.ts';
import { readSourceGrants } from './grants.ts';
import { readIdentity, readVersion } from './identity.ts';
import { KeptSession } from './kept-session.ts';
import { proveLease } from './lease-proof.ts';
import { PostgresLog } from './log/log.ts';
import { continueTimeline } from './log/timeline.ts';
import { PostgresSequences } from './sequences.ts';
import type { CopyFormat } from './snapshot.ts';

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
  /** As in PostgresDigestsOptions; the same on both sides. */
  readonly portableDigests: () => Promise<boolean>;
  /** As in PostgresDigestsOptions. */
  readonly canonicalOf?: CanonicalOf;
  /** True when the plan lets the run end transactions of others. */
  readonly endsTransactions: boolean;
  /** Connections the run opens at most. */
  readonly connections: number;
  /** What the target has already, see SourceContext. */
  readonly targetExtensions: () => Promise<readonly string[] | undefined>;
  readonly onWaiting: (reason: string | null) => void;
  /** As in PostgresLogOptions. */
  readonly formatOf?: (table: Table) => CopyFormat;
}

export class PostgresSource implements Source {
  readonly log: SourceLog;
  readonly chunks: SourceChunks;
  readonly digests: Digests;
  readonly sequences: Sequences;
  readonly #options: PostgresSourceOptions;
  #fence: Fence | undefined;
  readonly #pings: KeptSession;
  /** Kept: the schema is looked at every few seconds, and in the freeze. */
  readonly #schema: KeptSession;

  constructor(options: PostgresSourceOptions) {
    this.#options = options;
    const { server } = options;
    this.#pings = new KeptSession(server, { purpose: 'ping' });
    this.#schema = new KeptSession(server, { purpose: 'schema' });
    this.log = new PostgresLog({
      ...options,
      run: () => options.claim().run,
      prove: (session) => proveLease(session, options.claim()),
    });
    this.chunks = new PostgresChunks(server);
    this.digests = new PostgresDigests({
      server,
      concurrency: options.digestConcurrency,
      portable: options.portableDigests,
      ...(options.canonicalOf === undefined ? {} : { canonicalOf: options.canonicalOf }),
    });
    this.sequences = new PostgresSequences(server);
  }

  get fence(): Fence {
    const { server, id, claim, onWaiting } = this.#options;
    const waiting = onWaiting === undefined ? {} : { onWaiting };
    this.#fence ??= new PostgresFence({ server, id, claim, ...waiting });
    return this.#fence;
  }

  describe(selection: TableSelection): Promise<Catalog> {
    return this.#options.server.with('catalog', (session) => readCatalog(session, selection));
  }

  fingerprint(selection: TableSelection): Promise<string> {
    return this.#schema.use((session) => readFingerprint(session, selection));
  }

  drift(selection: TableSelection, record: SchemaRecord): Promise<SchemaDrift | undefined> {
    return this.#options.server.with('catalog', (session) => readDrift(session, selection, record));
  }

  check(catalog: Catalog, selection: TableSelection): Promise<readonly Finding[]> {
    const context = { ...this.#options, selection };
    return this.#options.server.with('check', (session) => checkSource(session, catalog, context));
  }

  grants(catalog: Catalog, role?: string): Promise<RoleGrants> {
    return this.#options.server.with('grants', (session) =>
      readSourceGrants(session, { ...this.#options, catalog, role }),
    );
  }

  version(): Promise<string> {
    return this.#options.server.with('identity', readVersion);
  }

  identity(): Promise<string> {
    return this.#options.server.with('identity', readIdentity);
  }

  lineage(since: string, reached: readonly Position[]): Promise<string> {
    return continueTimeline(this.#options.server, since, reached);
  }

  async ping(): Promise<void> {
    await this.#pings.use((session) => session.query('SELECT 1'));
  }

  async close(): Promise<void> {
    await this.#options.server.close();
  }
}
