// PostgreSQL as a target: the parts, put behind the port.

import { type Catalog, type RelationDefinition, writtenTables } from '../../model/catalog.ts';
import type { Finding } from '../../model/finding.ts';
import type { RoleGrants } from '../../model/grant.ts';
import type { Position } from '../../model/position.ts';
import type { Renames } from '../../model/renames.ts';
import type { Table } from '../../model/table.ts';
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
import { setApart } from './apart.ts';
import { analyzeNew, type Closing, completeSchema, createClosed, dropSchema, readOwn } from './build.ts';
import { buildLarge } from './build-large.ts';
import type { CanonicalOf } from './canonical-rows.ts';
import type { ServerFacts } from './check/facts.ts';
import { checkTarget } from './check/target.ts';
import type { PostgresServer, Session } from './connection.ts';
import { PostgresDigests } from './digest.ts';
import { closeExisting, emptyTables, fitCatalog } from './existing.ts';
import { PostgresFence } from './fence/fence.ts';
import { hasFence } from './fence/function.ts';
import { readFiring } from './firing.ts';
import { PostgresForeignKeys } from './foreign-keys.ts';
import { readTargetGrants } from './grants.ts';
import { readIdentity, readVersion } from './identity.ts';
import { joinTables } from './join.ts';
import { KeptSession } from './kept-session.ts';
import { proveLease } from './lease-proof.ts';
import { PostgresLoader } from './load.ts';
import { needsPass, preparePass } from './pass.ts';
import { renameCatalog } from './rename.ts';
import { PostgresScratch } from './scratch.ts';
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
  /** As in PostgresDigestsOptions; the same on both sides. */
  readonly portableDigests: () => Promise<boolean>;
  /** As in PostgresDigestsOptions. */
  readonly canonicalOf?: CanonicalOf;
  readonly networkTimeoutMs: number;
  /** Large tables whose indexes are built at the same time, each by a connection. */
  readonly builders: number;
  /** What the source is, to compare versions, encodings and collations; undefined for another engine. */
  readonly sourceFacts: () => Promise<ServerFacts | undefined>;
  /** Connections the run opens at most. */
  readonly connections: number;
  /** True when the tables were made by hand: nothing is created, built or dropped. */
  readonly existing: boolean;
}

const DIRECTION = 'forward';

export class PostgresTarget implements Target {
  readonly traits: Traits;
  readonly digests: Digests;
  readonly sequences: Sequences;
  readonly scratch: Scratch;
  readonly foreignKeys: PostgresForeignKeys;
  readonly #options: PostgresTargetOptions;
  #fence: Fence | undefined;
  readonly #pings: KeptSession;

  constructor(options: PostgresTargetOptions) {
    this.#options = options;
    this.#pings = new KeptSession(options.server, { purpose: 'ping' });
    this.traits = { oneMomentPerTable: options.existing };
    this.digests = new PostgresDigests({
      server: options.server,
      concurrency: options.digestConcurrency,
      portable: options.portableDigests,
      ...(options.canonicalOf === undefined ? {} : { canonicalOf: options.canonicalOf }),
    });
    this.sequences = new PostgresSequences(options.server);
    this.foreignKeys = new PostgresForeignKeys(options);
    this.scratch = new PostgresScratch({ ...options, run: () => options.claim().run });
  }

  get fence(): Fence {
    const { server, id, claim } = this.#options;
    this.#fence ??= new PostgresFence({ server, id, claim });
    return this.#fence;
  }

  async check(catalog: Catalog, resuming: boolean): Promise<readonly Finding[]> {
    const { server, sourceFacts, connections, existing } = this.#options;
    const source = await sourceFacts();
    return server.with('check', (session) =>
      checkTarget(session, catalog, resuming, { ...(source && { source }), connections, existing }),
    );
  }

  grants(catalog: Catalog, role?: string): Promise<RoleGrants> {
    return this.#options.server.with('grants', (session) =>
      readTargetGrants(session, { catalog, role, existing: this.#options.existing }),
    );
  }

  version(): Promise<string> {
    return this.#options.server.with('identity', readVersion);
  }

  identity(): Promise<string> {
    return this.#options.server.with('identity', readIdentity);
  }

  async ping(): Promise<void> {
    await this.#pings.use((session) => session.query('SELECT 1'));
  }

  rename(catalog: Catalog, renames: Renames, made: boolean): Promise<RenamedCatalog> {
    const { server, existing } = this.#options;
    return server.with('catalog', (session) => renameCatalog(session, catalog, renames, made || existing));
  }

  async fit(catalog: Catalog): Promise<Catalog> {
    const { server, existing } = this.#options;
    return existing ? server.with('catalog', (session) => fitCatalog(session, catalog)) : catalog;
  }

  async empty(tables: readonly Table[]): Promise<void> {
    const { server, claim } = this.#options;
    if (tables.length > 0) await server.with('schema', (session) => emptyTables(session, claim(), tables));
  }

  async setApart(catalog: Catalog, tables: readonly Table[], lane: Position | null): Promise<void> {
    const { server, claim, existing } = this.#options;
    if (tables.length === 0) return;
    const apart = { catalog, tables, lane, dropsForeignKeys: !existing };
    await server.with('schema', (session) => setApart(session, claim(), apart));
  }

  /** A table and its fence appear in one transaction: there is no moment at which an application could write to it. */
  create(catalog: Catalog): Promise<void> {
    const { server, id, claim, existing } = this.#options;
    const closing: Closing = {
      id,
      prove: (session) => proveLease(session, claim()),
      pass: (session) => preparePass(session, claim().run),
    };
    const create = existing ? closeExisting : createClosed;
    return server.with('schema', (session) => create(session, catalog, closing));
  }

  async reveal(): Promise<void> {
    // Made closed, they are not hidden.
  }

  complete(catalog: Catalog, progress: (subject: string) => void): Promise<void> {
    const { server, claim, existing, builders } = this.#options;
    const prove = (session: Session): Promise<void> => proveLease(session, claim());
    return server.with('schema', async (session) => {
      if (!existing) await buildLarge(server, catalog, { builders, progress, prove });
      await analyzeNew(session, catalog);
      if (existing) return;
      // What cannot be switched off would refuse rows that the lanes write in an order of their own.
      const built = (await this.foreignKeys.late()) ? withoutForeignKeys(catalog) : catalog;
      await completeSchema(session, built, progress, prove);
    });
  }

  join(catalog: Catalog, joined: JoinedRecord): Promise<void> {
    const { server, id, claim, existing } = this.#options;
    return server.with('schema', (session) => joinTables(session, { id, claim: claim(), existing }, catalog, joined));
  }

  addColumns(columns: readonly NewColumn[], record: SchemaRecord): Promise<void> {
    const { server, claim } = this.#options;
    return server.with('schema', (session) => addColumns(session, claim(), columns, record));
  }

  async loader(): Promise<Loader> {
    const { server, claim, networkTimeoutMs } = this.#options;
    return new PostgresLoader({ server, claim: claim(), networkTimeoutMs });
  }

  async lane(): Promise<Lane> {
    const { server, claim } = this.#options;
    return new PostgresLane({ server, claim: claim(), direction: DIRECTION });
  }

  firing(catalog: Catalog): Promise<readonly string[]> {
    return this.#options.server.with('triggers', async (session) => {
      const switchesOff = !(await needsPass(session, this.#options.claim().run));
      const found = await readFiring(session, writtenTables(catalog), switchesOff);
      return found.map(({ kind, name, table }) => `${kind.toLowerCase()} ${name} on ${table.id}`);
    });
  }

  checkpoints(): Promise<readonly LaneCheckpoint[]> {
    const { server, claim } = this.#options;
    return server.with('checkpoints', (session) => readCheckpoints(session, claim(), DIRECTION));
  }

  reached(): Promise<readonly LaneCheckpoint[]> {
    const { server, claim } = this.#options;
    return server.with('checkpoints', (session) => readCheckpoints(session, claim(), DIRECTION, false));
  }

  async drop(catalog: Catalog): Promise<boolean> {
    const { server, id, existing } = this.#options;
    if (existing) return false;
    await server.with('schema', async (session) => {
      if (await hasFence(session, id)) await dropSchema(session, await readOwn(session, catalog, id));
    });
    return true;
  }

  async close(): Promise<void> {
    await this.#options.server.close();
  }
}

function withoutForeignKeys(catalog: Catalog): Catalog {
  const strip = <T extends RelationDefinition>(definition: T): T => ({ ...definition, foreignKeys: [] });
  return { ...catalog, tables: catalog.tables.map(strip), parents: catalog.parents.map(strip) };
}
