// Keys, indexes and foreign keys as PostgreSQL prints them, as far as they are made of columns only.

import { POSTGRES } from './dialects.ts';
import { columnNames, type IndexPart, indexParts } from './index-parts.ts';

export interface ReadKey {
  readonly columns: readonly string[];
  readonly deferrable: boolean;
}

const NAME = String.raw`(?:"(?:[^"]|"")*"|[\w$]+)`;
const TABLE = String.raw`${NAME}(?:\.${NAME})?`;
const LIST = String.raw`\((?:[^()"]|"(?:[^"]|"")*")*\)`;
const DEFERRABLE = '( DEFERRABLE(?: INITIALLY DEFERRED)?)?';
const KEY = new RegExp(`^(?:PRIMARY KEY|UNIQUE) (${LIST})${DEFERRABLE}$`);

/** Undefined for one with more in it: columns that it only includes, NULLs that are equal, an exclusion. */
export function readKey(definition: string): ReadKey | undefined {
  const [, list, deferrable] = KEY.exec(definition) ?? [];
  const columns = list === undefined ? undefined : columnNames(list, POSTGRES);
  return columns === undefined ? undefined : { columns, deferrable: deferrable !== undefined };
}

export interface ReadIndex {
  readonly unique: boolean;
  readonly parts: readonly IndexPart[];
}

const INDEX = new RegExp(`^CREATE (UNIQUE )?INDEX ${NAME} ON (?:ONLY )?${TABLE} USING btree (${LIST})$`);

/** Undefined for one over expressions, for some rows only, or of another kind. */
export function readIndex(definition: string): ReadIndex | undefined {
  const [, unique, list] = INDEX.exec(definition) ?? [];
  const parts = list === undefined ? undefined : indexParts(list, POSTGRES);
  return parts === undefined ? undefined : { unique: unique !== undefined, parts };
}

export interface ReadForeignKey {
  readonly columns: readonly string[];
  readonly references: readonly string[];
  /** As both engines write them: ` ON DELETE CASCADE`. */
  readonly actions: string;
  readonly deferrable: boolean;
}

const ACTION = '(?: ON (?:UPDATE|DELETE) (?:CASCADE|SET NULL|RESTRICT|NO ACTION))*';
const FOREIGN_KEY = new RegExp(
  `^FOREIGN KEY (${LIST}) REFERENCES ${TABLE} ?(${LIST})(${ACTION})${DEFERRABLE}( NOT VALID)?$`,
);

/** Undefined for one that matches in another way, or sets values that MySQL does not. */
export function readForeignKey(definition: string): ReadForeignKey | undefined {
  const [, own, theirs, actions = '', deferrable] = FOREIGN_KEY.exec(definition) ?? [];
  const columns = own === undefined ? undefined : columnNames(own, POSTGRES);
  const references = theirs === undefined ? undefined : columnNames(theirs, POSTGRES);
  if (columns === undefined || references === undefined) return undefined;
  return { columns, references, actions, deferrable: deferrable !== undefined };
}
