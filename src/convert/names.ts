// Which things of a catalog a plan gives other names on the target, and what is wrong with them.

import { FINDING_PREFIX } from '../lib/finding-codes.ts';
import type { Catalog, RelationDefinition } from '../model/catalog.ts';
import type { Finding } from '../model/finding.ts';
import type { ColumnRename, Renames, TableRename } from '../model/renames.ts';
import { type TableId, type TableName, tableId } from '../model/table.ts';
import { readName } from '../plan/names.ts';
import type { NameMap } from '../plan/tables.ts';

type Relation = RelationDefinition & { readonly table: TableName; readonly inherits?: readonly TableName[] };

export interface ResolvedNames {
  readonly renames: Renames;
  readonly findings: readonly Finding[];
}

/** The name of one table wins over that of its schema. */
export function resolveNames(catalog: Catalog, map: NameMap): ResolvedNames {
  return new Resolution(catalog, map).resolve();
}

interface Entry {
  /** As the plan writes it. */
  readonly key: string;
  readonly schema: string;
  /** Null for a whole schema. */
  readonly name: string | null;
  readonly to: string | null;
  readonly columns: Readonly<Record<string, string>>;
}

class Resolution {
  readonly #catalog: Catalog;
  readonly #relations: ReadonlyMap<TableId, Relation>;
  readonly #entries: readonly Entry[];
  readonly #findings: Finding[] = [];

  constructor(catalog: Catalog, map: NameMap) {
    this.#catalog = catalog;
    this.#relations = new Map([...catalog.parents, ...catalog.tables].map((relation) => [relation.table.id, relation]));
    this.#entries = Object.entries(map).flatMap(([key, entry]) => {
      const from = readName(key);
      return from === undefined ? [] : [{ key, ...from, ...entry }];
    });
  }

  resolve(): ResolvedNames {
    for (const entry of this.#entries) this.#check(entry);
    const tables = [...this.#relations.values()].map((relation) => this.#rename(relation));
    this.#refuseShared(tables);
    return {
      renames: { tables: tables.filter(isChange), schemas: this.#schemas() },
      findings: this.#findings,
    };
  }

  #check({ key, schema, name, columns }: Entry): void {
    const { tables, parents, types, sequences } = this.#catalog;
    if (name === null) {
      const names = [...[...tables, ...parents].map(({ table }) => table), ...types, ...sequences];
      if (!names.some((each) => each.schema === schema))
        this.#fault(key, 'no selected table is in a schema of this name');
      return;
    }
    const relation = this.#relations.get(tableId(schema, name));
    if (relation === undefined) {
      this.#fault(key, 'no selected table has this name');
      return;
    }
    for (const column of Object.keys(columns)) {
      if (!relation.columns.some((each) => each.name === column)) {
        this.#fault(key, `the table has no column ${JSON.stringify(column)}`);
      }
    }
  }

  #rename(relation: Relation): TableRename {
    const { table } = relation;
    const own = this.#entryOf(table);
    const to = own?.to ?? this.#entries.find(({ schema, name }) => schema === table.schema && name === null)?.to;
    const target = to === undefined || to === null ? undefined : readName(to);
    const columns = relation.columns.map(({ name }) => this.#column(relation, name));
    this.#refuseSharedColumns(relation, columns);
    return {
      table,
      schema: target?.schema ?? table.schema,
      name: target?.name ?? table.name,
      columns: columns.filter(({ from, to }) => from !== to),
    };
  }

  #entryOf(table: TableName): Entry | undefined {
    return this.#entries.find(({ schema, name }) => schema === table.schema && name === table.name);
  }

  /** A column that came from another table is called what it is there. */
  #column(relation: Relation, name: string): ColumnRename {
    const own = this.#ownColumn(relation, name);
    const from = parentsOf(relation)
      .flatMap(({ id }) => this.#relations.get(id) ?? [])
      .find(({ columns }) => columns.some((column) => column.name === name));
    if (from === undefined) return { from: name, to: own ?? name, inherited: false };
    const { to } = this.#column(from, name);
    if (own !== undefined && own !== to) {
      const key = this.#entryOf(relation.table)?.key ?? relation.table.id;
      this.#fault(key, `column ${JSON.stringify(name)} comes from ${from.table.id}: rename it there`);
    }
    return { from: name, to, inherited: true };
  }

  #ownColumn(relation: Relation, name: string): string | undefined {
    const columns = this.#entryOf(relation.table)?.columns;
    return columns !== undefined && Object.hasOwn(columns, name) ? columns[name] : undefined;
  }

  #refuseSharedColumns({ table }: Relation, columns: readonly ColumnRename[]): void {
    for (const name of repeated(columns.map(({ to }) => to))) {
      this.#fault(this.#entryOf(table)?.key ?? table.id, `two columns would be called ${JSON.stringify(name)}`);
    }
  }

  #refuseShared(tables: readonly TableRename[]): void {
    for (const id of repeated(tables.map(({ schema, name }) => tableId(schema, name)))) {
      const sources = tables.filter(({ schema, name }) => tableId(schema, name) === id).map(({ table }) => table.id);
      this.#fault(id, `${sources.join(' and ')} would have this name on the target`);
    }
  }

  #schemas(): Renames['schemas'] {
    return this.#entries.flatMap(({ schema, name, to }) => {
      const target = name === null && to !== null ? readName(to) : undefined;
      return target === undefined || target.schema === schema ? [] : [{ from: schema, to: target.schema }];
    });
  }

  #fault(key: string, message: string): void {
    this.#findings.push({
      level: 'error',
      code: `${FINDING_PREFIX}RENAME`,
      subject: `tables.map ${key}`,
      message,
      cure: 'correct tables.map in the plan',
    });
  }
}

function parentsOf({ partitionOf, inherits }: Relation): readonly TableName[] {
  return partitionOf === null ? (inherits ?? []) : [partitionOf.parent];
}

function isChange({ table, schema, name, columns }: TableRename): boolean {
  return schema !== table.schema || name !== table.name || columns.length > 0;
}

function repeated(names: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  return new Set(names.filter((name) => seen.size === seen.add(name).size));
}
