// Oracle as a target: the parts, put behind the port.

import type { Catalog } from '../../model/catalog.ts';
import type { Finding } from '../../model/finding.ts';
import type { RoleGrants } from '../../model/grant.ts';
import type { Position } from '../../model/position.ts';
import type { Renames } from '../../model/renames.ts';
import type { Table } from '../../model/table.ts';
import type { ConversionOf } from '../conversion.ts';
import type { Digests } from '../digests.ts';
import type { Fence } from '../fence.ts';
import type { LeaseClaim } from '../lease-store.ts';
import type { Scratch } from '../scratch.ts';
import type { Sequences } from '../sequences.ts';
import type { SchemaRecord } from '../source.ts';
import type {
  JoinedRecord,
  Lane,
  LaneCheckpoint,
  Loader,
  NewColumn,
  RenamedCatalog,
  Target,
  Traits,
} from '../target.ts';
import { addColumns } from './add-columns.ts';
import { emptyTables, setApart } from './apart.ts';
import { createTables, dropTables } from './build.ts';
import { checkTarget } from './check/target.ts';
import { completeTables } from './complete.ts';
import type { OracleServer, OracleSession } from './connection.ts';
import { OracleDigests } from './digest.ts';
import { closeExisting, fitCatalog } from './existing.ts';
import { OracleFence } from './fence/fence.ts';
import type { NewFence } from './fence/new.ts';
import { triggerPrefix } from './fence/text.ts';
import { readFiring } from './firing.ts';
import { OracleForeignKeys } from './foreign-keys.ts';
import { readTargetGrants } from './grants.ts';
import { readIdentity, readVersion } from './identity.ts';
import { joinTables } from './join.ts';
import { readCheckpoints } from './journal/moves.ts';
import { OracleLoader } from './load.ts';
import { OpenTables } from './open-tables.ts';
import { renameCatalog } from './rename.ts';
import { RowsOf } from './rows.ts';
import { type ChangeSchema, changeSchema, type SchemaChanges } from './schema-session.ts';
import { OracleScratch } from './scratch.ts';
import { OracleSequences } from './sequences.ts';
import { OracleLane } from './write/lane.ts';
import { LockWaits } from './write/lock-waits.ts';

export interface OracleTargetOptions {
  readonly server: OracleServer;
  /** The run's id. */
  readonly id: string;
  /** Throws while no lease is held; only what writes asks. */
  readonly claim: () => LeaseClaim;
  /** What becomes of the values of a column, in rows and in keys. */
  readonly conversionOf: ConversionOf;
  /** A connection that moves no byte of a copy for this long is given up. */
  readonly networkTimeoutMs: number;
  /** Tables whose indexes are built at the same time, each by a connection. */
  readonly builders: number;
  /** Connections the run opens at most. */
  readonly connections: number;
  /** True when the tables were made by hand: nothing is created, built or dropped. */
  readonly existing: boolean;
  /** Rows of tables that are made from now on take the direct path. Default false. */
  readonly directPath?: boolean;
  /** The account that Debezium would log in with for a way back, which is checked then. Default none. */
  readonly reverse?: string | undefined;
  /** Told whose lock the writers wait for, and null when they do not any more. Default: nobody is. */
  readonly onWaiting?: (reason: string | null) => void;
}

const DIRECTION = 'forward';
/** For each question. */
const DICTIONARY_MS = 600_000;

export class OracleTarget implements Target {
  readonly traits: Traits;
  readonly digests: Digests;
  readonly sequences: Sequences;
  readonly scratch: Scratch;
  readonly foreignKeys: OracleForeignKeys;
  readonly #options: OracleTargetOptions;
  readonly #waits: LockWaits;
  readonly #open: OpenTables;
  #fence: Fence | undefined;

  constructor(options: OracleTargetOptions) {
    const { server, existing, conversionOf } = options;
    this.#options = options;
    this.#waits = new LockWaits(options);
    this.traits = { oneMomentPerTable: existing };
    this.digests = new OracleDigests(server, new RowsOf(conversionOf));
    const change: ChangeSchema = (work) => this.#change(work);
    this.#open = new OpenTables({ change, fence: () => this.#newFence() });
    this.sequences = new OracleSequences({ server, change });
    this.foreignKeys = new OracleForeignKeys({ existing, change });
    this.scratch = new OracleScratch({ ...options, run: () => options.claim().run });
  }

  get fence(): Fence {
    const { server, id, claim } = this.#options;
    this.#fence ??= new OracleFence({ server, id, claim });
    return this.#fence;
  }

  check(catalog: Catalog, resuming: boolean): Promise<readonly Finding[]> {
    const { connections, existing, reverse } = this.#options;
    const context = { connections, existing, reverse, isOwnTrigger: this.#isOwnTrigger };
    return this.#look((session) => checkTarget(session, catalog, resuming, context));
  }

  grants(catalog: Catalog, role?: string): Promise<RoleGrants> {
    const { existing, reverse } = this.#options;
    return this.#look((session) => readTargetGrants(session, { catalog, role, existing, reverse }));
  }

  async loader(): Promise<Loader> {
    const { server, claim, conversionOf, networkTimeoutMs, directPath = false } = this.#options;
    const options = { server, claim: claim(), conversionOf, networkTimeoutMs, waits: this.#waits };
    if (!directPath) return new OracleLoader(options);
    return new OracleLoader({ ...options, direct: { tables: this.#open, names: await this.#open.list() } });
  }

  async lane(): Promise<Lane> {
    const { server, claim, conversionOf } = this.#options;
    return new OracleLane({ server, claim: claim(), conversionOf, direction: DIRECTION, waits: this.#waits });
  }

  version(): Promise<string> {
    return this.#options.server.use(readVersion);
  }

  identity(): Promise<string> {
    return this.#options.server.use(readIdentity);
  }

  async ping(): Promise<void> {
    await this.#options.server.use((session) => session.query('SELECT 1 FROM DUAL'));
  }

  async rename(catalog: Catalog, renames: Renames): Promise<RenamedCatalog> {
    return renameCatalog(catalog, renames);
  }

  async fit(catalog: Catalog): Promise<Catalog> {
    return this.#options.existing ? this.#look((session) => fitCatalog(session, catalog)) : catalog;
  }

  create(catalog: Catalog): Promise<void> {
    const { existing, directPath } = this.#options;
    return this.#change((changes) =>
      existing
        ? closeExisting(changes, catalog, this.#newFence())
        : createTables(changes, catalog, this.#newFence(), directPath),
    );
  }

  /** Whatever the plan says now: it may have said something else when the tables were made. */
  reveal({ tables }: Catalog): Promise<void> {
    return this.#open.close(tables.map(({ table }) => table));
  }

  async complete(catalog: Catalog, progress: (subject: string) => void): Promise<void> {
    const { builders, existing } = this.#options;
    if (existing) return;
    await completeTables(catalog, { builders, progress, change: (work) => this.#change(work) });
  }

  join(catalog: Catalog, joined: JoinedRecord): Promise<void> {
    const { existing } = this.#options;
    return this.#change((changes) => joinTables(changes, { fence: this.#newFence(), existing }, catalog, joined));
  }

  addColumns(columns: readonly NewColumn[], record: SchemaRecord): Promise<void> {
    return this.#change((changes) => addColumns(changes, this.#newFence(), columns, record));
  }

  async empty(tables: readonly Table[]): Promise<void> {
    if (tables.length > 0) await this.#change((changes) => emptyTables(changes, this.#newFence(), tables));
  }

  async setApart(_catalog: Catalog, tables: readonly Table[], lane: Position | null): Promise<void> {
    if (tables.length === 0) return;
    await this.#change((changes) => setApart(changes, this.#newFence(), { tables, lane }));
  }

  async firing(catalog: Catalog): Promise<readonly string[]> {
    const found = await this.#look((session) => readFiring(session, catalog, this.#isOwnTrigger));
    return found.map(({ trigger, table }) => `trigger ${trigger.name} on ${table.id}`);
  }

  checkpoints(): Promise<readonly LaneCheckpoint[]> {
    const { server, claim } = this.#options;
    return server.use((session) => readCheckpoints(session, claim(), DIRECTION));
  }

  reached(): Promise<readonly LaneCheckpoint[]> {
    const { server, claim } = this.#options;
    return server.use((session) => readCheckpoints(session, claim(), DIRECTION, false));
  }

  async drop(): Promise<boolean> {
    if (this.#options.existing) return false;
    await this.#change((changes) => dropTables(changes, this.#newFence()));
    return true;
  }

  close(): Promise<void> {
    return this.#options.server.close();
  }

  readonly #isOwnTrigger = (name: string): boolean => name.startsWith(triggerPrefix(this.#options.id));

  #newFence(): NewFence {
    const { id, claim } = this.#options;
    return { id, claim: claim() };
  }

  /** At what the dictionary says, whose views can take their time where it is large. */
  #look<T>(work: (session: OracleSession) => Promise<T>): Promise<T> {
    return this.#options.server.use((session) => session.within(DICTIONARY_MS, () => work(session)));
  }

  #change<T>(work: (changes: SchemaChanges) => Promise<T>): Promise<T> {
    return changeSchema(this.#options.server, this.#options.claim, work);
  }
}
