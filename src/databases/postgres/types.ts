// Which types a run carries, and how their values travel. A value is the text that the server prints for it under the
// settings that every session of a run has; what is refused here has no text that another server reads back as the same.

import type { Column } from '../../model/table.ts';

/** A type as the system catalogue describes it, with the types its values are made of. */
export interface TypeFacts {
  readonly schema: string;
  readonly name: string;
  /** pg_type.typtype: b base, e enum, d domain, c composite, r range, m multirange, p pseudo. */
  readonly kind: string;
  /** Who makes the type: the server itself, an extension, or a user with CREATE TYPE. */
  readonly origin: 'system' | 'extension' | 'user';
  readonly isArray: boolean;
  /** What separates values in the text of an array of them: a comma but for a few types. */
  readonly delimiter: string;
  /** True for the row type that comes with a table, a view or a foreign table. */
  readonly isRow: boolean;
  /** True for a range whose values pass a function of the user's when they are read. */
  readonly isCanonical: boolean;
  /** The element of an array, the base of a domain, the attributes of a composite, the subtype of a range. */
  readonly parts: readonly TypeFacts[];
}

// `Column.handling`: how values of a type travel, where it is not as plain ones do. Journalled.

/** An array of values would not come apart into these values (arrays, composites): they ride in an array of texts. */
export const RIDES_AS_TEXT = 'rides as text';
/** The binary form belongs to one server or version (it names a user's type by number): such a column is copied as text. */
export const COPIED_AS_TEXT = 'copied as text';

export function ridesAsText({ handling }: Pick<Column, 'handling'>): boolean {
  return handling?.includes(RIDES_AS_TEXT) === true;
}

export function isCopiedAsText({ handling }: Pick<Column, 'handling'>): boolean {
  return handling?.includes(COPIED_AS_TEXT) === true;
}

/** Types whose binary form is the same in every version that is supported. `interval` is not: infinity came with 17. */
const SAME_BINARY: ReadonlySet<string> = new Set([
  'bit',
  'bool',
  'bpchar',
  'bytea',
  'char',
  'cidr',
  'date',
  'float4',
  'float8',
  'inet',
  'int2',
  'int4',
  'int8',
  'json',
  'jsonb',
  'macaddr',
  'macaddr8',
  'money',
  'name',
  'numeric',
  'oid',
  'text',
  'time',
  'timestamp',
  'timestamptz',
  'timetz',
  'uuid',
  'varbit',
  'varchar',
]);

// The server's own bookkeeping: their input functions refuse every text.
const UNREADABLE = /^(gtsvector|pg_node_tree|pg_ndistinct|pg_dependencies|pg_mcv_list|pg_brin_.+)$/;
// Printed without what tells functions and operators of one name apart; the second form says which one is meant.
const AMBIGUOUS: ReadonlyMap<string, string> = new Map([
  ['regproc', 'regprocedure'],
  ['regoper', 'regoperator'],
]);
// Printed as the name of an object, which must exist where the text is read.
const NAMING = /^(reg[a-z]+|aclitem)$/;

/** Null when values of the type are carried, else what it is that they are not: `a composite type with …`. */
export function whyNotCarried(type: TypeFacts): string | null {
  const own = whyNotItself(type);
  if (own !== null) return own;
  for (const part of type.parts) {
    const reason = whyNotCarried(part);
    if (reason !== null) return `made of ${part.name}, which is ${reason}`;
  }
  return null;
}

function whyNotItself({ kind, origin, name, isArray, isRow, isCanonical }: TypeFacts): string | null {
  if (kind === 'p') return 'a pseudo-type';
  if (isRow) return 'the row type of a table';
  if (isCanonical && origin === 'user') return 'a range with a canonical function of its own';
  if (kind !== 'b' || isArray) return null;
  if (origin === 'user') return 'a base type that no extension provides';
  if (origin === 'extension') return null;
  if (UNREADABLE.test(name)) return 'a type whose text cannot be read back';
  return AMBIGUOUS.has(name) ? `a type whose text does not say which of several is meant` : null;
}

/** The type that holds the same values and is carried, for a type that is not. */
export function betterType(type: TypeFacts): string | null {
  return (type.origin === 'system' && AMBIGUOUS.get(type.name)) || null;
}

/** True when values are names of database objects, at any depth. */
export function namesObjects(type: TypeFacts): boolean {
  return someType(type, ({ origin, name }) => origin === 'system' && NAMING.test(name));
}

/** True when values may be numbers of large objects, at any depth: these lie in no table, and no log carries them. */
export function numbersObjects(type: TypeFacts): boolean {
  return someType(type, ({ origin, name }) => (origin === 'system' && name === 'oid') || name === 'lo');
}

/** True when rows can be found by a key of the type: keys are compared by the system's own operators. */
export function canBeKey(type: TypeFacts): boolean {
  const base = baseOf(type);
  if (base.origin === 'extension' && base.kind === 'b') return false;
  // An operator for any enum, range or row does not take a domain over one.
  return base === type || !'ermc'.includes(base.kind);
}

function baseOf(type: TypeFacts): TypeFacts {
  const [base] = type.parts;
  return type.kind === 'd' && base !== undefined ? baseOf(base) : type;
}

function someType(type: TypeFacts, holds: (type: TypeFacts) => boolean): boolean {
  return holds(type) || type.parts.some((part) => someType(part, holds));
}

/** For `Column.handling`. */
export function handlingOf(type: TypeFacts): readonly string[] {
  const apart = type.isArray || type.delimiter !== ',' || isComposite(type);
  return [...(apart ? [RIDES_AS_TEXT] : []), ...(hasSameBinary(type) ? [] : [COPIED_AS_TEXT])];
}

/** A domain over a composite type comes out of an array in pieces like the composite itself. */
function isComposite({ kind, parts }: TypeFacts): boolean {
  return kind === 'c' || (kind === 'd' && parts.some(isComposite));
}

/** An array's binary form starts with its element's number, which only the server's own types have in common. */
function hasSameBinary({ kind, origin, name, isArray, parts }: TypeFacts): boolean {
  if (isArray) return parts.every((part) => part.schema === 'pg_catalog' && part.kind === 'b' && hasSameBinary(part));
  if (kind === 'e') return true;
  if (kind === 'd') return parts.every(hasSameBinary);
  return kind === 'b' && origin === 'system' && SAME_BINARY.has(name);
}
