// Foreign keys are built with the rest of the schema, since the run's sessions switch them off: nothing has to be made last.
// They are added without a look at the rows, which comes here.

import { failpoint } from '../../lib/failpoint.ts';
import type { Catalog, ForeignKeyDefinition } from '../../model/catalog.ts';
import type { TableName } from '../../model/table.ts';
import type { ForeignKeys, Validation } from '../foreign-keys.ts';
import type { MysqlServer } from './connection.ts';
import { readForeignKey } from './definitions.ts';
import { quoteName, quoteTable } from './sql.ts';

export interface MysqlForeignKeysOptions {
  readonly server: MysqlServer;
  /** True when the tables were made by hand: their foreign keys are, too. */
  readonly existing: boolean;
}

export class MysqlForeignKeys implements ForeignKeys {
  readonly #options: MysqlForeignKeysOptions;

  constructor(options: MysqlForeignKeysOptions) {
    this.#options = options;
  }

  async add(): Promise<void> {
    // `Target.complete` has built them.
  }

  async remove(): Promise<void> {
    // They do not stand in the way of the apply.
  }

  async validate({ tables }: Catalog, progress: (subject: string) => void): Promise<Validation> {
    const { server, existing } = this.#options;
    const keys = existing ? [] : tables.flatMap(({ table, foreignKeys }) => foreignKeys.map((key) => ({ table, key })));
    if (keys.length === 0) return { validated: 0, notValid: [] };
    const session = await server.session();
    try {
      const notValid: string[] = [];
      for (const [index, { table, key }] of keys.entries()) {
        const subject = `foreign key ${quoteName(key.name)} on ${table.id}`;
        progress(`${subject} (${index + 1} of ${keys.length})`);
        await failpoint('schema.completing');
        const [orphan] = await session.query(`SELECT 1 FROM ${orphansOf(table, key)} LIMIT 1`);
        if (orphan !== undefined) notValid.push(subject);
      }
      return { validated: keys.length - notValid.length, notValid };
    } finally {
      session.close();
    }
  }
}

/** The rows, named `c`, that refer to none: what follows FROM. In one statement, which sees one moment. */
export function orphansOf(table: TableName, key: ForeignKeyDefinition): string {
  const { columns, references } = readForeignKey(key);
  const pairs = columns.map(
    (column, index) => `p.${quoteName(references.columns[index] ?? '')} = c.${quoteName(column)}`,
  );
  // A row with a NULL in any of them refers to nothing.
  const refers = columns.map((column) => `c.${quoteName(column)} IS NOT NULL`);
  return `${quoteTable(table)} AS c WHERE ${refers.join(' AND ')}
    AND NOT EXISTS (SELECT 1 FROM ${quoteTable(references)} AS p WHERE ${pairs.join(' AND ')})`;
}
