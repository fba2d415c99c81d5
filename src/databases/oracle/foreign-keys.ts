// Foreign keys made last: no session can switch them off, and what the lanes write in an order of their own would violate them. Added
// without a look at the rows in the freeze, which takes a moment each; looked at while applications write.

import { MigrateError } from '../../lib/errors.ts';
import { failpoint } from '../../lib/failpoint.ts';
import type { Catalog } from '../../model/catalog.ts';
import type { TableName } from '../../model/table.ts';
import type { ForeignKeys, Validation } from '../foreign-keys.ts';
import { readForeignKey } from './definitions.ts';
import { oraCode } from './errors.ts';
import type { SchemaChanges } from './schema-session.ts';
import { type ConstraintState, type Named, nameOf, readConstraints, schemasOf, text } from './schema-state.ts';
import { quoteLiteral, quoteName, quoteTable } from './sql.ts';

export interface OracleForeignKeysOptions {
  /** Runs work in a session that proves the lease before each statement. */
  readonly change: <T>(work: (changes: SchemaChanges) => Promise<T>) => Promise<T>;
  /** True when the tables were made by hand: their foreign keys are, too. */
  readonly existing: boolean;
}

/** Rows that refer to none. */
const VIOLATED = 2298;
/** One of the same columns is there under another name. */
const THERE_ALREADY = 2275;

interface ForeignKey {
  readonly table: TableName;
  readonly name: string;
  readonly subject: string;
  readonly definition: string;
}

export class OracleForeignKeys implements ForeignKeys {
  readonly #options: OracleForeignKeysOptions;

  constructor(options: OracleForeignKeysOptions) {
    this.#options = options;
  }

  add(catalog: Catalog): Promise<void> {
    return this.#each(catalog, undefined, async ({ run }, keys, there) => {
      for (const { table, name, definition } of keys) {
        if (there(table, name) !== undefined) continue;
        const statement = `ALTER TABLE ${quoteTable(table)} ADD CONSTRAINT ${quoteName(name)} ${definition} ENABLE NOVALIDATE`;
        await run(statement).catch((error: unknown) => {
          if (oraCode(error) !== THERE_ALREADY) throw error;
        });
      }
    });
  }

  remove(catalog: Catalog): Promise<void> {
    return this.#each(catalog, undefined, async ({ run }, keys, there) => {
      for (const { table, name } of keys) {
        if (there(table, name) === undefined) continue;
        await run(`ALTER TABLE ${quoteTable(table)} DROP CONSTRAINT ${quoteName(name)}`);
      }
    });
  }

  validate(catalog: Catalog, progress: (subject: string) => void): Promise<Validation> {
    return this.#each(catalog, { validated: 0, notValid: [] }, async ({ run }, keys, there) => {
      const notValid: string[] = [];
      for (const [index, { table, name, subject }] of keys.entries()) {
        if (there(table, name)?.validated !== false) continue;
        progress(`${subject} (${index + 1} of ${keys.length})`);
        await failpoint('schema.completing');
        try {
          await run(`ALTER TABLE ${quoteTable(table)} MODIFY CONSTRAINT ${quoteName(name)} ENABLE VALIDATE`);
        } catch (error) {
          if (oraCode(error) !== VIOLATED) throw error;
          notValid.push(subject);
        }
      }
      return { validated: keys.length - notValid.length, notValid };
    });
  }

  async #each<T>(
    catalog: Catalog,
    nothing: T,
    work: (changes: SchemaChanges, keys: readonly ForeignKey[], there: ThereOf) => Promise<T>,
  ): Promise<T> {
    const keys = this.#options.existing ? [] : listed(catalog);
    if (keys.length === 0) return nothing;
    return this.#options.change(async (changes) => {
      const states = await readConstraints(changes.session, schemasOf(catalog));
      return work(changes, keys, (table, name) => {
        const state = states.get(nameOf({ schema: table.schema, name }));
        return state !== undefined && nameOf(state.table) === nameOf(table) ? state : undefined;
      });
    });
  }
}

const NO_RIGHT = [1031, 942, 1720];

/**
 * Lets the owner of a table refer to one of another schema. The account is given the same: it is shown its own rights and those to
 * its own tables, and nobody else's.
 */
export function referencesGrant(to: Named, owner: string, account: string): string {
  const names = [...new Set([owner, account])].filter((name) => name !== to.schema);
  return `GRANT REFERENCES ON ${quoteTable(to)} TO ${names.map(quoteName).join(', ')}`;
}

/**
 * Lets the owner of a table refer to tables of another schema, which is not in anybody's rights to any table. Rejects with
 * TARGET.REFUSED and the statement for an administrator where the account may not either.
 */
export async function allowReferences({ session, run }: SchemaChanges, catalog: Catalog): Promise<void> {
  const wanted = new Map<string, { readonly table: Named; readonly owner: string }>();
  for (const { table, foreignKeys } of catalog.tables) {
    for (const { references } of foreignKeys.map(readForeignKey)) {
      if (references.schema === table.schema) continue;
      const { schema, name } = references;
      wanted.set(JSON.stringify([schema, name, table.schema]), { table: { schema, name }, owner: table.schema });
    }
  }
  if (wanted.size === 0) return;
  const account = text((await session.query('SELECT USER FROM DUAL'))[0]?.[0]);
  for (const { table, owner } of wanted.values()) {
    const [given] = await session.query(
      `SELECT 1 FROM ALL_TAB_PRIVS WHERE TABLE_SCHEMA = ${quoteLiteral(table.schema)}
         AND TABLE_NAME = ${quoteLiteral(table.name)} AND GRANTEE IN (${[owner, account].map(quoteLiteral).join(', ')}) AND PRIVILEGE = 'REFERENCES'`,
    );
    if (given !== undefined) continue;
    const statement = referencesGrant(table, owner, account);
    await run(statement).catch((error: unknown) => {
      if (!NO_RIGHT.includes(oraCode(error) ?? 0)) throw error;
      throw new MigrateError('TARGET.REFUSED', `target: schema ${owner} may not refer to ${quoteTable(table)}`, {
        fix: `As an administrator of the target: ${statement}; then run the same command again.`,
        cause: error,
      });
    });
  }
}

type ThereOf = (table: TableName, name: string) => ConstraintState | undefined;

function listed({ tables }: Catalog): readonly ForeignKey[] {
  return tables.flatMap(({ table, foreignKeys }) =>
    foreignKeys.map(({ name, definition }) => ({
      table,
      name,
      subject: `foreign key ${quoteName(name)} on ${table.id}`,
      definition,
    })),
  );
}
