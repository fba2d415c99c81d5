// Foreign keys made last, for a role that cannot switch them off. NOT VALID costs no scan, so the freeze stays short;
// VALIDATE takes a lock that lets applications write.

import { failpoint } from '../../lib/failpoint.ts';
import type { Catalog } from '../../model/catalog.ts';
import type { ForeignKeys, Validation } from '../foreign-keys.ts';
import type { LeaseClaim } from '../lease-store.ts';
import type { PostgresServer, Session } from './connection.ts';
import { sqlState } from './errors.ts';
import { proveLease } from './lease-proof.ts';
import { needsPass } from './pass.ts';
import { quoteName, quoteTable } from './sql.ts';

export interface PostgresForeignKeysOptions {
  readonly server: PostgresServer;
  /** Throws while no lease is held. */
  readonly claim: () => LeaseClaim;
  /** True when the tables were made by hand: their foreign keys are, too. */
  readonly existing: boolean;
}

const UNCHECKED = ' NOT VALID';
const VIOLATED = '23503';

/** One foreign key of the catalog. */
interface ForeignKey {
  /** The quoted table it is on. */
  readonly table: string;
  readonly name: string;
  readonly subject: string;
  readonly definition: string;
}

export class PostgresForeignKeys implements ForeignKeys {
  readonly #options: PostgresForeignKeysOptions;
  #needed: boolean | undefined;

  constructor(options: PostgresForeignKeysOptions) {
    this.#options = options;
  }

  add(catalog: Catalog): Promise<void> {
    return this.#late(undefined, async (session) => {
      for (const key of listed(catalog)) {
        if ((await state(session, key)) !== undefined) continue;
        const unchecked = key.definition.endsWith(UNCHECKED) || !(await mayBeUnchecked(session, key)) ? '' : UNCHECKED;
        await this.#proven(
          session,
          `ALTER TABLE ${key.table} ADD CONSTRAINT ${quoteName(key.name)} ${key.definition}${unchecked}`,
        );
      }
    });
  }

  remove(catalog: Catalog): Promise<void> {
    return this.#late(undefined, async (session) => {
      for (const key of listed(catalog)) {
        if ((await state(session, key)) === undefined) continue;
        await this.#proven(session, `ALTER TABLE ${key.table} DROP CONSTRAINT ${quoteName(key.name)}`);
      }
    });
  }

  validate(catalog: Catalog, progress: (subject: string) => void): Promise<Validation> {
    return this.#late({ validated: 0, notValid: [] }, async (session) => {
      // What the source itself never checked is not checked here.
      const wanted = listed(catalog).filter(({ definition }) => !definition.endsWith(UNCHECKED));
      const notValid: string[] = [];
      for (const [index, key] of wanted.entries()) {
        if ((await state(session, key)) !== 'unchecked') continue;
        progress(`${key.subject} (${index + 1} of ${wanted.length})`);
        await failpoint('schema.completing');
        try {
          await this.#proven(session, `ALTER TABLE ${key.table} VALIDATE CONSTRAINT ${quoteName(key.name)}`);
        } catch (error) {
          if (sqlState(error) !== VIOLATED) throw error;
          notValid.push(key.subject);
        }
      }
      return { validated: wanted.length - notValid.length, notValid };
    });
  }

  /** False where foreign keys can be switched off: then they are built before, and there is nothing to do here. */
  async late(): Promise<boolean> {
    const { server, claim, existing } = this.#options;
    if (existing) return false;
    // Kept once known: in a freeze every round trip counts.
    this.#needed ??= await server.with('foreign keys', (session) => needsPass(session, claim().run));
    return this.#needed;
  }

  async #late<T>(nothing: T, work: (session: Session) => Promise<T>): Promise<T> {
    return (await this.late()) ? this.#options.server.with('foreign keys', work) : nothing;
  }

  #proven(session: Session, statement: string): Promise<void> {
    return session.transaction(async () => {
      await proveLease(session, this.#options.claim());
      await session.query("SET LOCAL lock_timeout = '2s'");
      await session.run(statement, [], { timeoutMs: 0 });
    });
  }
}

function listed(catalog: Catalog): readonly ForeignKey[] {
  return [...catalog.parents, ...catalog.tables].flatMap(({ table, foreignKeys }) =>
    foreignKeys.map(({ name, definition }) => ({
      table: quoteTable(table),
      name,
      subject: `foreign key ${quoteName(name)} on ${table.id}`,
      definition,
    })),
  );
}

/** Undefined when the foreign key is not there. */
async function state(session: Session, { table, name }: ForeignKey): Promise<'checked' | 'unchecked' | undefined> {
  const row = await session.one(
    `SELECT convalidated AS checked FROM pg_constraint
     WHERE conrelid = to_regclass($1) AND conname = $2 AND contype = 'f'`,
    [table, name],
  );
  if (row === undefined) return undefined;
  return row.checked === 't' ? 'checked' : 'unchecked';
}

/** Before PostgreSQL 18 a partitioned table takes only foreign keys that are checked at once. */
async function mayBeUnchecked(session: Session, { table }: ForeignKey): Promise<boolean> {
  const row = await session.one(
    `SELECT relkind <> 'p' OR current_setting('server_version_num')::int >= 180000 AS it
     FROM pg_class WHERE oid = to_regclass($1)`,
    [table],
  );
  return row?.it === 't';
}
