// Indexes as Oracle writes them.

import { ORACLE, tableName } from './dialects.ts';
import { bytesOf, indexedBytes, type OracleType } from './oracle-types.ts';

interface Named {
  readonly schema: string;
  readonly name: string;
}

/** In the schema of its table. */
export function indexStatement(table: Named, name: string, unique: boolean, parts: readonly string[]): string {
  const index = tableName(ORACLE, { schema: table.schema, name });
  return `CREATE ${unique ? 'UNIQUE ' : ''}INDEX ${index} ON ${tableName(ORACLE, table)} (${parts.join(', ')})`;
}

export interface IndexColumn {
  /** As Oracle calls it. */
  readonly name: string;
  readonly type: OracleType;
  /** Only so many characters of it. */
  readonly length: number | null;
  readonly descending: boolean;
}

/** The columns of an index, or the beginnings of texts that are too long for one; undefined when it cannot be made. */
export function indexTexts(columns: readonly IndexColumn[], unique: boolean): readonly string[] | undefined {
  const share = indexedBytes(columns.length);
  const characters = Math.floor(share / 4);
  const texts: string[] = [];
  for (const { name, type, length, descending } of columns) {
    const quoted = ORACLE.name(name);
    // Of few characters all: an expression serves fewer queries. What is unique is so by just as many.
    const isWhole = bytesOf(type) <= share && (length === null || !unique);
    const isCut =
      /^(?:VARCHAR2|CHAR)\(/.test(type.type) && (length === null ? !unique : !unique || length <= characters);
    if (!isWhole && !isCut) return undefined;
    const text = isWhole ? quoted : `SUBSTR(${quoted}, 1, ${Math.min(length ?? characters, characters)})`;
    texts.push(descending ? `${text} DESC` : text);
  }
  return texts;
}

/**
 * Unique where none of `nullable` is NULL. Two rows with the same values and a NULL beside them are equal to Oracle, and to no source;
 * what is NULL altogether is in no index.
 */
export function uniqueWhereWhole(columns: readonly string[], nullable: readonly string[]): readonly string[] {
  const whole = nullable.map((column) => `${ORACLE.name(column)} IS NOT NULL`).join(' AND ');
  return columns.map((column) => `CASE WHEN ${whole} THEN ${ORACLE.name(column)} END`);
}
