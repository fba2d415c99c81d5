// Which types a run carries: those whose text form is exact, means the same on every server, and can be compared.

/** A type as the system catalogue describes it. */
export interface TypeFacts {
  readonly schema: string;
  readonly name: string;
  /** pg_type.typtype: b base, e enum, d domain, c composite, r range, m multirange, p pseudo. */
  readonly kind: string;
  /** The element of an array type. */
  readonly element: TypeFacts | null;
}

const CARRIED: ReadonlySet<string> = new Set([
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
  'interval',
  'json',
  'jsonb',
  'macaddr',
  'macaddr8',
  'name',
  'numeric',
  'text',
  'time',
  'timestamp',
  'timestamptz',
  'timetz',
  'uuid',
  'varbit',
  'varchar',
]);

// Their values are numbers of objects in one database: the same number means something else on the target.
const OBJECT_NUMBERS = /^(oid|oidvector|int2vector|reg.+|xid|xid8|cid|tid|pg_lsn|pg_snapshot|txid_snapshot)$/;

/** Null when values of the type are carried, else the reason why not. */
export function whyNotCarried(type: TypeFacts): string | null {
  if (type.element !== null) {
    const reason = whyNotCarried(type.element);
    return reason === null ? null : `an array whose elements are ${reason}`;
  }
  switch (type.kind) {
    case 'e':
      return null;
    case 'd':
      return 'a domain';
    case 'c':
      return 'a composite type';
    case 'r':
    case 'm':
      return 'a range type';
    case 'b':
      return whyNotBase(type);
    default:
      return 'not a type that a table can be copied with';
  }
}

function whyNotBase(type: TypeFacts): string | null {
  if (type.schema !== 'pg_catalog') return 'a type of an extension';
  if (CARRIED.has(type.name)) return null;
  if (type.name === 'money') return 'a type whose text depends on lc_monetary';
  if (OBJECT_NUMBERS.test(type.name)) return 'a type whose values belong to one server';
  return 'a type this version does not carry';
}
