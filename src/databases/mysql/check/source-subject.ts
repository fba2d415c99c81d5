// What the checks of a source look at.

import type { Catalog } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import type { TableName } from '../../../model/table.ts';
import { tableId } from '../../../model/table.ts';
import type { TableSelection } from '../../source.ts';
import { TABLES } from '../catalog-queries.ts';
import type { MysqlSession } from '../connection.ts';
import { OWN_SCHEMAS, selectedBy } from '../selection.ts';
import { quoteLiteral } from '../sql.ts';
import type { ServerFacts } from './facts.ts';

export interface SourceContext {
  /** What the plan takes the server to be. Default: whatever it is. */
  readonly kind?: 'mysql' | 'mariadb';
  /** The run's, part of the names of its fence's triggers. Default: there is no run yet. */
  readonly id?: string;
  readonly selection: TableSelection;
  /** From which age an open transaction is worth a finding. Default 60. */
  readonly longSeconds?: number;
  /** True when the plan lets the run end transactions of others. Default false. */
  readonly endsTransactions?: boolean;
  /** Connections the run opens on the source at most. Default 10. */
  readonly connections?: number;
  /**
   * What becomes of dates that are no days, such as 0000-00-00: `carried` (default) as they are, `refused` by the target, or
   * `nulled` because the plan says so. Unless they are carried the tables are searched for them.
   */
  readonly zeroDates?: 'carried' | 'refused' | 'nulled';
  /** How long rows are searched for one kind of what only they tell, in ms. Default 5,000. */
  readonly searchMs?: number;
}

/** A table or something like it, also one that the catalog does not describe. */
export interface FoundTable extends TableName {
  /** BASE TABLE, VIEW, SEQUENCE, SYSTEM VERSIONED, … */
  readonly kind: string;
  /** Empty where it has none. */
  readonly engine: string;
}

export interface Found {
  /** All that this account sees, but the server's own and the run's own. */
  readonly all: readonly FoundTable[];
  /** Of these, what the plan selects. */
  readonly selected: readonly FoundTable[];
}

export interface SourceSubject {
  readonly session: MysqlSession;
  readonly catalog: Catalog;
  readonly context: SourceContext;
  readonly facts: ServerFacts;
  readonly found: Found;
}

export type SourceCheck = (subject: SourceSubject) => readonly Finding[] | Promise<readonly Finding[]>;

export async function findTables(session: MysqlSession, selection: TableSelection): Promise<Found> {
  const schemas = (await session.query('SELECT SCHEMA_NAME FROM information_schema.SCHEMATA'))
    .map(([schema]) => schema ?? '')
    .filter((schema) => !OWN_SCHEMAS.includes(schema));
  const rows = schemas.length === 0 ? [] : await session.query(TABLES(schemas.map(quoteLiteral).join(', ')));
  const all = rows.map(([schema, name, kind, engine]) => ({
    id: tableId(schema ?? '', name ?? ''),
    schema: schema ?? '',
    name: name ?? '',
    kind: kind ?? '',
    engine: engine ?? '',
  }));
  return { all, selected: all.filter(selectedBy(selection)) };
}

export function hasRows({ kind }: FoundTable): boolean {
  return kind === 'BASE TABLE' || kind === 'SYSTEM VERSIONED';
}
