// What of a catalog is on the target, as information_schema tells.

import type { Catalog } from '../../model/catalog.ts';
import type { MysqlSession } from './connection.ts';
import type { Addition } from './ddl.ts';
import { quoteLiteral } from './sql.ts';

/** How a server compares the names of databases and tables. */
export type NameOf = (name: { readonly schema: string; readonly name: string }) => string;

/** With lower_case_table_names two names that differ in case only are one. */
export async function readNaming(session: MysqlSession): Promise<NameOf> {
  const [row] = await session.query('SELECT @@lower_case_table_names');
  const fold = row?.[0] !== '0';
  return ({ schema, name }) => {
    const text = JSON.stringify([schema, name]);
    return fold ? text.toLowerCase() : text;
  };
}

/** The tables and views of the catalog's databases. */
export async function readRelations(
  session: MysqlSession,
  catalog: Catalog,
  nameOf: NameOf,
): Promise<ReadonlySet<string>> {
  const rows = await session.query(
    `SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES
     WHERE TABLE_SCHEMA IN (${schemasOf(catalog)})`,
  );
  return new Set(rows.map(([schema, name]) => nameOf({ schema: schema ?? '', name: name ?? '' })));
}

/** What `Target.complete` adds to tables. */
export class Additions {
  readonly #there: ReadonlySet<string>;
  readonly #nameOf: NameOf;

  private constructor(there: ReadonlySet<string>, nameOf: NameOf) {
    this.#there = there;
    this.#nameOf = nameOf;
  }

  static async read(session: MysqlSession, catalog: Catalog, nameOf: NameOf): Promise<Additions> {
    const schemas = schemasOf(catalog);
    const rows = await session.query(
      `SELECT DISTINCT 'index', TABLE_SCHEMA, TABLE_NAME, INDEX_NAME FROM information_schema.STATISTICS
         WHERE TABLE_SCHEMA IN (${schemas})
       UNION ALL SELECT 'foreign key', CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME
         FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA IN (${schemas})
       UNION ALL SELECT 'auto increment', TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS
         WHERE TABLE_SCHEMA IN (${schemas}) AND EXTRA LIKE '%auto_increment%'`,
    );
    const there = rows.map(([kind, schema, table, name]) =>
      placeOf(nameOf({ schema: schema ?? '', name: table ?? '' }), kind ?? '', name ?? ''),
    );
    return new Additions(new Set(there), nameOf);
  }

  has(
    table: { readonly schema: string; readonly name: string },
    { kind, name }: Pick<Addition, 'kind' | 'name'>,
  ): boolean {
    return this.#there.has(placeOf(this.#nameOf(table), kind, name));
  }
}

/** Names within a table do not differ by case. */
function placeOf(table: string, kind: string, name: string): string {
  return `${table} ${kind} ${name.toLowerCase()}`;
}

/** For IN; nothing when there are none. */
export function schemasOf({ tables }: Catalog): string {
  const schemas = new Set(tables.map(({ table }) => table.schema));
  return schemas.size === 0 ? 'NULL' : [...schemas].map(quoteLiteral).join(', ');
}
