// The statements that give objects other schemas and names. Names may change hands in any way (two tables that swap theirs, a
// schema that takes the place of another), so everything first goes where nothing else is, and only then to its place.

import type { Catalog } from '../../model/catalog.ts';
import { Destinations, type Name } from '../../model/destinations.ts';
import type { Renames, TableRename } from '../../model/renames.ts';
import { quoteLiteral, quoteName, quoteTable } from './sql.ts';

/** To be run in one transaction, in order. */
export function renameStatements(catalog: Catalog, renames: Renames): readonly string[] {
  const halfway = new Halfway();
  const moves = [
    ...renames.tables.map((rename, index) => moveTable(rename, `migrate_${index}`, halfway)),
    ...moveOthers(catalog, renames, halfway),
  ];
  const targets = new Set(moves.flatMap(({ schema }) => schema ?? []));
  return [
    ...halfway.schemas.map((schema) => `CREATE SCHEMA ${quoteName(schema)}`),
    ...moves.flatMap(({ out }) => out),
    ...[...targets].map((schema) => `CREATE SCHEMA IF NOT EXISTS ${quoteName(schema)}`),
    ...moves.flatMap(({ into }) => into),
  ];
}

interface Move {
  /** From its old place to halfway. */
  readonly out: readonly string[];
  /** From halfway to its new place. */
  readonly into: readonly string[];
  /** The schema it comes to, when it is another one. */
  readonly schema: string | undefined;
}

/** A schema for each schema that something leaves: what moves along with tables keeps its name. */
class Halfway {
  readonly #schemas = new Map<string, string>();

  of(schema: string): string {
    const known = this.#schemas.get(schema) ?? `migrate_halfway_${this.#schemas.size}`;
    this.#schemas.set(schema, known);
    return known;
  }

  get schemas(): readonly string[] {
    return [...this.#schemas.values()];
  }
}

function moveTable({ table, schema, name, columns }: TableRename, between: string, halfway: Halfway): Move {
  const moves = schema !== table.schema;
  const renamed = name !== table.name;
  const place = moves ? halfway.of(table.schema) : table.schema;
  const there = quoteTable({ schema: place, name: renamed ? between : table.name });
  const here = quoteTable({ schema: place, name: table.name });
  const own = columns.filter(({ inherited }) => !inherited);
  return {
    out: [
      ...(moves ? [`ALTER TABLE ${quoteTable(table)} SET SCHEMA ${quoteName(place)}`] : []),
      ...own.map(({ from }, index) => `ALTER TABLE ${here} RENAME COLUMN ${quoteName(from)} TO migrate_${index}`),
      ...own.map(({ to }, index) => `ALTER TABLE ${here} RENAME COLUMN migrate_${index} TO ${quoteName(to)}`),
      ...(renamed ? [`ALTER TABLE ${here} RENAME TO ${between}`] : []),
    ],
    into: [
      ...(moves ? [`ALTER TABLE ${there} SET SCHEMA ${quoteName(schema)}`] : []),
      ...(renamed ? [`ALTER TABLE ${quoteTable({ schema, name: between })} RENAME TO ${quoteName(name)}`] : []),
    ],
    schema: moves ? schema : undefined,
  };
}

/** A range leaves its multirange behind. It may be called anything; it moves with the others of its schema. */
function moveMultirange(range: Name, target: Name, halfway: Halfway): readonly Move[] {
  if (range.schema === target.schema) return [];
  const place = halfway.of(range.schema);
  const move = (from: string, to: string): string => {
    const literal = { range: quoteLiteral(quoteTable({ schema: from, name: range.name })), to: quoteLiteral(to) };
    return `DO ${quoteLiteral(`DECLARE statement text; BEGIN
      FOR statement IN
        SELECT format('ALTER TYPE %s SET SCHEMA %I', m.oid::regtype, ${literal.to})
        FROM pg_range r JOIN pg_type m ON m.oid = r.rngmultitypid JOIN pg_namespace n ON n.oid = m.typnamespace
        WHERE r.rngtypid = ${literal.range}::regtype AND n.nspname = ${quoteLiteral(from)}
      LOOP EXECUTE statement; END LOOP; END`)}`;
  };
  // Both times before the range itself, which is how it is found.
  return [{ out: [move(range.schema, place)], into: [move(place, target.schema)], schema: target.schema }];
}

function moveOthers(catalog: Catalog, renames: Renames, halfway: Halfway): readonly Move[] {
  const to = new Destinations(renames);
  const move = (kind: 'SEQUENCE' | 'TYPE' | 'COLLATION', from: Name, target: Name): readonly Move[] => {
    if (from.schema === target.schema) return [];
    const place = halfway.of(from.schema);
    return [
      {
        out: [`ALTER ${kind} ${quoteTable(from)} SET SCHEMA ${quoteName(place)}`],
        into: [
          `ALTER ${kind} ${quoteTable({ schema: place, name: from.name })} SET SCHEMA ${quoteName(target.schema)}`,
        ],
        schema: target.schema,
      },
    ];
  };
  return [
    ...catalog.types
      .filter(({ kind }) => kind === 'range')
      .flatMap((range) => moveMultirange(range, to.type(range), halfway)),
    ...catalog.types.flatMap((type) => move(type.kind === 'collation' ? 'COLLATION' : 'TYPE', type, to.type(type))),
    ...catalog.sequences
      .filter(({ owner }) => owner === null)
      .flatMap((sequence) => move('SEQUENCE', sequence, to.sequence(sequence))),
  ];
}
