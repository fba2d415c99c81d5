// What the core knows about a table. Type and constraint texts are the source engine's own.

declare const tableIdBrand: unique symbol;

/** `schema.name`, each part quoted when it needs to be: unique, printable, stable across restarts. */
export type TableId = string & { readonly [tableIdBrand]: true };

/** What a table is called. */
export interface TableName {
  readonly id: TableId;
  readonly schema: string;
  readonly name: string;
}

export interface Column {
  readonly name: string;
  /** The full native type, with its length or precision: `numeric(12,2)`, `shop.mood`. */
  readonly type: string;
  /** The native type without length or precision, safe to use in a cast: `numeric`, `bpchar`, `"bit"`. */
  readonly castType: string;
  /** What only the adapter of the engine that has the column asks of its type, in its own words. Nothing by default. */
  readonly handling?: readonly string[];
}

export interface Table extends TableName {
  /** Every stored column that is not computed from others, in the source's order. Rows are arrays in this order. */
  readonly columns: readonly Column[];
  /**
   * How many of the last columns were added while the run followed the table: the log of before does not have them, and NULL
   * is what they were. 0 by default.
   */
  readonly followed?: number;
  /** Indexes into `columns` of what a row is found by, in order. Never empty. */
  readonly key: readonly number[];
  /**
   * `key`: no two rows have the same key and none of its values is null. `row`: the table has no key; `key` lists every
   * column, its values may be null, and equal rows may occur more than once.
   */
  readonly identity: 'key' | 'row';
  /** True when its rows may be divided among lanes by key: equal keys are equal texts, and nothing but the key is unique. */
  readonly spread: boolean;
  /** The source's own estimate; 0 when it has none. */
  readonly rowEstimate: number;
  /** Heap size in bytes at the time of reading. */
  readonly byteEstimate: number;
}

/** Makes the id of a table. Parts that are not plain lower-case names are double-quoted. */
export function tableId(schema: string, name: string): TableId {
  return `${idPart(schema)}.${idPart(name)}` as TableId;
}

/** The table that a person names: `schema.name`, a part quoted or just as it is. Undefined when it is no such name. */
export function readTableId(text: string): TableName | undefined {
  const found = /^("(?:[^"]|"")+"|[^".]+)\.("(?:[^"]|"")+"|[^".]+)$/s.exec(text);
  if (found === null) return undefined;
  const [schema = '', name = ''] = found.slice(1).map((part) => part.replace(/^"(.*)"$/s, '$1').replaceAll('""', '"'));
  return { id: tableId(schema, name), schema, name };
}

function idPart(part: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(part) ? part : `"${part.replaceAll('"', '""')}"`;
}
