// ON UPDATE CURRENT_TIMESTAMP of MySQL as a trigger of PostgreSQL. For people to run: during a run it would act on rows that come
// with their own times.

import type { TableName } from '../model/table.ts';
import { POSTGRES, tableName } from './dialects.ts';

export interface OnUpdate {
  readonly table: TableName;
  readonly column: string;
  /** Of the column in PostgreSQL. */
  readonly type: string;
  /** The other columns that are stored and not computed: a change of one of them counts. */
  readonly others: readonly string[];
  /** For the function. */
  readonly name: string;
}

/** MySQL cuts digits off, PostgreSQL would round up to a time that has not come. */
const CUT: readonly (readonly [RegExp, string])[] = [
  [/\(0\)$/, "date_trunc('second', statement_timestamp())"],
  [/\(3\)$/, "date_trunc('milliseconds', statement_timestamp())"],
];

/** Undefined for a type that has no time. */
export function onUpdateTrigger({ table, column, type, others, name }: OnUpdate): string | undefined {
  if (!/^timestamp(?:tz)?(?:\(\d\))?$/.test(type)) return undefined;
  const now = CUT.find(([pattern]) => pattern.test(type))?.[1] ?? 'statement_timestamp()';
  const own = POSTGRES.name(column);
  const row = (of: string): string => `ROW(${others.map((other) => `${of}.${POSTGRES.name(other)}`).join(', ')})::text`;
  const made = tableName(POSTGRES, { schema: table.schema, name });
  // As texts, because not every type can be compared.
  const isChange = `NEW.${own} IS NOT DISTINCT FROM OLD.${own} AND ${row('NEW')} <> ${row('OLD')}`;
  return (
    `CREATE FUNCTION ${made}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.${own} := ${now}; RETURN NEW; END $$;` +
    ` CREATE TRIGGER ${POSTGRES.name(name)} BEFORE UPDATE ON ${tableName(POSTGRES, table)} FOR EACH ROW` +
    ` WHEN (${isChange}) EXECUTE FUNCTION ${made}();` +
    ' -- after the cutover; under the names of tables.map where it has some'
  );
}
