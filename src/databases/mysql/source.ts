// MySQL or MariaDB as a source: the parts, put behind the port.

import type { Catalog } from '../../model/catalog.ts';
import type { SchemaDrift } from '../../model/drift.ts';
import type { Finding } from '../../model/finding.ts';
import type { RoleGrants } from '../../model/grant.ts';
import type { Position } from '../../model/position.ts';
import type { Table } from '../../model/table.ts';
import type { ConversionOf } from '../conversion.ts';
import type { Digests } from '../digests.ts';
import type { Fence } from '../fence.ts';
import type { LeaseClaim } from '../lease-store.ts';
import type { Sequences } from '../sequences.ts';
import type { SchemaRecord, Source, SourceChunks, SourceLog, TableSelection } from '../source.ts';
import { readCatalog } from './catalog.ts';
import { checkSource } from './check/source.ts';
import type { SourceContext } from './check/source-subject.ts';
import { MysqlChunks } from './chunks.ts';
import type { MysqlServer } from './connection.ts';
import { MysqlDigests } from './digest.ts';
import { readDrift } from './drift.ts';
import { MysqlFence } from './fence/fence.ts';
import { readFingerprint } from './fingerprint.ts';
import { readSourceGrants } from './grants.ts';
import { readIdentity, readVersion } from './identity.ts';
import { proveLease } from './lease-proof.ts';
import { continueLog } from './lineage.ts';
import { RowsOf } from './rows.ts';
import { MysqlSequences } from './sequences.ts';
import { MysqlLog } from './source-log.ts';

export interface MysqlSourceOptions {
  readonly server: MysqlServer;
  /** The run's id. */
  readonly id: string;
  /** The run's name: whose markers are written. */
  readonly run: string;
  readonly selection: TableSelection;
  /** Throws while no lease is held; only what writes asks. */
  readonly claim: () => LeaseClaim;
  /** How many readers a snapshot has. */
  readonly readers: number;
  /** What becomes of the values of a column, in rows and in keys. */
  readonly conversionOf: ConversionOf;
  /** The tables of the run as it was recorded: every later exact pair is one of all of them. None before it began. */
  readonly tables: readonly Table[];
  /** True when the plan lets the run end transactions of others. */
  readonly endsTransactions: boolean;
  /** Connections the run opens at most. */
  readonly connections: number;
  /** What the plan takes the server to be; default: whatever it is. */
  readonly kind?: NonNullable<SourceContext['kind']>;
  /** What becomes of dates that are no days; preflight looks for them unless they are carried. Default: they are. */
  readonly zeroDates?: NonNullable<SourceContext['zeroDates']>;
  readonly onWaiting: (reason: string | null) => void;
}

export class MysqlSource implements Source {
  readonly log: SourceLog;
  readonly chunks: SourceChunks;
  readonly digests: Digests;
  readonly sequences: Sequences;
  readonly #options: MysqlSourceOptions;
  readonly #server: MysqlServer;
  #fence: Fence | undefined;

  constructor(options: MysqlSourceOptions) {
    const { server, claim } = options;
    const rows = new RowsOf(options.conversionOf);
    this.#options = options;
    this.#server = server;
    this.log = new MysqlLog({ ...options, rows, prove: (session) => proveLease(session, claim()) });
    this.chunks = new MysqlChunks(server, rows);
    this.digests = new MysqlDigests(server, rows);
    this.sequences = new MysqlSequences(server);
  }

  /** The lease has to be held before. */
  get fence(): Fence {
    const { server, id, claim, tables, onWaiting } = this.#options;
    this.#fence ??= new MysqlFence({ server, id, claim, onWaiting, ...(tables.length > 0 ? { tables } : {}) });
    return this.#fence;
  }

  describe(selection: TableSelection): Promise<Catalog> {
    return this.#server.use((session) => readCatalog(session, selection));
  }

  fingerprint(selection: TableSelection): Promise<string> {
    return this.#server.use((session) => readFingerprint(session, selection));
  }

  drift(selection: TableSelection, record: SchemaRecord): Promise<SchemaDrift | undefined> {
    return this.#server.use((session) => readDrift(session, selection, record));
  }

  check(catalog: Catalog, selection: TableSelection): Promise<readonly Finding[]> {
    return this.#server.use((session) => checkSource(session, catalog, { ...this.#options, selection }));
  }

  grants(catalog: Catalog, role?: string): Promise<RoleGrants> {
    const { selection, endsTransactions } = this.#options;
    return this.#server.use((session) => readSourceGrants(session, { catalog, role, selection, endsTransactions }));
  }

  async ping(): Promise<void> {
    await this.#server.use((session) => session.query('SELECT 1'));
  }

  version(): Promise<string> {
    return this.#server.use(readVersion);
  }

  identity(): Promise<string> {
    return this.#server.use(readIdentity);
  }

  lineage(_since: string, reached: readonly Position[]): Promise<string> {
    return continueLog(this.#server, reached);
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}
