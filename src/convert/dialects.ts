// How names and texts are written in the definitions of each engine.

export interface Spelling {
  name(name: string): string;
  text(text: string): string;
}

export interface Dialect extends Spelling {
  readonly engine: 'mysql' | 'postgres';
}

export const POSTGRES: Dialect = {
  engine: 'postgres',
  name: (name) => `"${name.replaceAll('"', '""')}"`,
  text: (text) => {
    const doubled = text.replaceAll("'", "''");
    return doubled.includes('\\') ? ` E'${doubled.replaceAll('\\', '\\\\')}'` : `'${doubled}'`;
  },
};

export const MYSQL: Dialect = {
  engine: 'mysql',
  name: (name) => `\`${name.replaceAll('`', '``')}\``,
  text: (text) => `'${text.replace(/['\\]/g, '$&$&')}'`,
};

/** Definitions are only written in it. What cannot be quoted was replaced in names before, and is in no literal. */
export const ORACLE: Spelling = {
  name: (name) => `"${name}"`,
  text: (text) => `'${text.replaceAll("'", "''")}'`,
};

/** `"shop"."orders"` */
export function tableName(
  dialect: Pick<Spelling, 'name'>,
  { schema, name }: { readonly schema: string; readonly name: string },
): string {
  return `${dialect.name(schema)}.${dialect.name(name)}`;
}

export function nameList(dialect: Pick<Spelling, 'name'>, names: readonly string[]): string {
  return names.map(dialect.name).join(', ');
}
