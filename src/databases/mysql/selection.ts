// Which tables a selection names. Names are compared here: the server's own comparison goes by its file system.

import type { TableName } from '../../model/table.ts';
import type { TableSelection } from '../source.ts';

type Named = Pick<TableName, 'schema' | 'name'>;

export interface NamedPlace {
  readonly schema: string;
  readonly name?: string;
}

/** The server's own databases, and the one that holds the run's own tables. */
export const OWN_SCHEMAS: readonly string[] = ['information_schema', 'migrate', 'mysql', 'performance_schema', 'sys'];

/** Globs over `schema.name`: `*` is any text, `?` one character, and a backslash takes the character after it as it is. */
export function selectedBy({ include, exclude, names = [], without = [] }: TableSelection): (table: Named) => boolean {
  const [included, excluded] = [include.map(pattern), exclude.map(pattern)];
  return ({ schema, name }) => {
    const isOneOf = (list: readonly Named[]): boolean => list.some((one) => one.schema === schema && one.name === name);
    if (OWN_SCHEMAS.includes(schema) || isOneOf(without)) return false;
    const text = `${schema}.${name}`;
    const matches = (patterns: readonly RegExp[]): boolean => patterns.some((one) => one.test(text));
    return isOneOf(names) || (matches(included) && !matches(excluded));
  };
}

/** True when it names every table that the database has or could have. */
export function selectsAll({ include, exclude, without = [] }: TableSelection, schema: string): boolean {
  // No name has a zero byte.
  const isSelected = selectedBy({ include, exclude })({ schema, name: '\0' });
  const reaches = (glob: string): boolean => {
    const dot = glob.indexOf('.');
    return dot < 0 || pattern(glob.slice(0, dot)).test(schema);
  };
  return isSelected && !exclude.some(reaches) && !without.some((table) => table.schema === schema);
}

/** Databases with all of their tables, and single tables, that a selection has under their plain names, whether they exist or not. */
export function namedPlaces({ include }: Pick<TableSelection, 'include'>): readonly NamedPlace[] {
  return include.flatMap((glob) => {
    const [, schema, name] = /^([^*?.\\]+)\.(?:\*|([^*?\\]+))$/s.exec(glob) ?? [];
    return schema === undefined ? [] : [name === undefined ? { schema } : { schema, name }];
  });
}

function pattern(glob: string): RegExp {
  const body = glob.replace(/\\(.)|./gsu, (character, taken?: string) => {
    if (character === '*') return '.*';
    if (character === '?') return '.';
    return (taken ?? character).replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  });
  return new RegExp(`^${body}$`, 'su');
}
