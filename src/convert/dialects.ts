// How names and texts are written in the definitions of each engine.

export interface Dialect {
  readonly engine: 'mysql' | 'postgres';
  name(name: string): string;
  text(text: string): string;
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

/** `"shop"."orders"` */
export function tableName(
  dialect: Dialect,
  { schema, name }: { readonly schema: string; readonly name: string },
): string {
  return `${dialect.name(schema)}.${dialect.name(name)}`;
}

export function nameList(dialect: Dialect, names: readonly string[]): string {
  return names.map(dialect.name).join(', ');
}
