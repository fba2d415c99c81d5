// What of a catalog is on the target, as the dictionary tells. ALL_ views: an account sees what it has a right to, and a run has
// one to every table it makes.

import type { Catalog } from '../../model/catalog.ts';
import type { OracleSession, Value } from './connection.ts';
import type { Addition } from './ddl.ts';
import { quoteLiteral } from './sql.ts';

export interface Named {
  readonly schema: string;
  readonly name: string;
}

/** Names are compared as they are: everything is quoted. */
export function nameOf({ schema, name }: Named): string {
  return JSON.stringify([schema, name]);
}

export function text(value: Value | undefined): string {
  return value === null || value === undefined ? '' : String(value);
}

export function schemasOf({ tables, sequences }: Pick<Catalog, 'tables' | 'sequences'>): readonly string[] {
  return [...new Set([...tables.map(({ table }) => table.schema), ...sequences.map(({ schema }) => schema)])].sort();
}

/** For IN; nothing when there are none. */
function listed(texts: readonly string[]): string {
  return texts.length === 0 ? 'NULL' : texts.map(quoteLiteral).join(', ');
}

/** Whatever has a name in the schemas that a table could not have beside it, by name: TABLE, VIEW, SEQUENCE, … */
export async function readRelations(
  session: OracleSession,
  schemas: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await session.query(
    `SELECT OWNER, OBJECT_NAME, OBJECT_TYPE FROM ALL_OBJECTS
     WHERE OBJECT_TYPE IN (${listed(NAMESPACE)}) AND OWNER IN (${listed(schemas)})`,
  );
  return new Map(
    rows.map(([schema, name, kind]) => [nameOf({ schema: text(schema), name: text(name) }), text(kind)] as const),
  );
}

/** Kinds that share their names. A materialized view is a table as well, which comes first. */
const NAMESPACE = ['TABLE', 'VIEW', 'SEQUENCE', 'SYNONYM', 'PROCEDURE', 'FUNCTION', 'PACKAGE', 'TYPE', 'OPERATOR'];

export interface ConstraintState {
  readonly name: string;
  readonly table: Named;
  /** P, U, R (a foreign key), C (a check). */
  readonly kind: string;
  readonly enabled: boolean;
  readonly validated: boolean;
}

/** By schema and name, which no two of them share. */
export async function readConstraints(
  session: OracleSession,
  schemas: readonly string[],
): Promise<ReadonlyMap<string, ConstraintState>> {
  const rows = await session.query(
    `SELECT OWNER, CONSTRAINT_NAME, TABLE_NAME, CONSTRAINT_TYPE, STATUS, VALIDATED FROM ALL_CONSTRAINTS
     WHERE OWNER IN (${listed(schemas)})`,
  );
  return new Map(
    rows.map(([schema, name, table, kind, status, validated]) => [
      nameOf({ schema: text(schema), name: text(name) }),
      {
        name: text(name),
        table: { schema: text(schema), name: text(table) },
        kind: text(kind),
        enabled: text(status) === 'ENABLED',
        validated: text(validated) === 'VALIDATED',
      },
    ]),
  );
}

/** The table that each index is on, by the schema and name of the index. */
export async function readIndexes(
  session: OracleSession,
  schemas: readonly string[],
): Promise<ReadonlyMap<string, Named>> {
  const rows = await session.query(
    `SELECT OWNER, INDEX_NAME, TABLE_OWNER, TABLE_NAME FROM ALL_INDEXES WHERE OWNER IN (${listed(schemas)})`,
  );
  return new Map(
    rows.map(([schema, name, owner, table]) => [
      nameOf({ schema: text(schema), name: text(name) }),
      { schema: text(owner), name: text(table) },
    ]),
  );
}

/** What `Target.complete` adds to tables. */
export class Additions {
  readonly #constraints: ReadonlyMap<string, ConstraintState>;
  readonly #indexes: ReadonlyMap<string, Named>;

  private constructor(constraints: ReadonlyMap<string, ConstraintState>, indexes: ReadonlyMap<string, Named>) {
    this.#constraints = constraints;
    this.#indexes = indexes;
  }

  static async read(session: OracleSession, catalog: Catalog): Promise<Additions> {
    const schemas = schemasOf(catalog);
    return new Additions(await readConstraints(session, schemas), await readIndexes(session, schemas));
  }

  has(table: Named, { kind, name }: Pick<Addition, 'kind' | 'name'>): boolean {
    const place = nameOf({ schema: table.schema, name });
    const on = kind === 'index' ? this.#indexes.get(place) : this.#constraints.get(place)?.table;
    return on !== undefined && nameOf(on) === nameOf(table);
  }
}

/** The names of a table's columns; none where there is no such table. */
export async function columnNames(session: OracleSession, { schema, name }: Named): Promise<readonly string[]> {
  const rows = await session.query(
    `SELECT COLUMN_NAME FROM ALL_TAB_COLUMNS WHERE OWNER = ${quoteLiteral(schema)} AND TABLE_NAME = ${quoteLiteral(name)}`,
  );
  return rows.map(([column]) => text(column));
}
