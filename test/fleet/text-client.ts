// One way to talk to each kind of server for tests that cross from one to another: statements as text, values as text.

import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import { openOracleClient } from './oracle-client.ts';

export interface Answer {
  readonly rows: readonly (readonly (string | null)[])[];
  /** Rows written. */
  readonly affected: number;
}

export interface TextClient {
  /** Whose SQL it takes; Oracle's is nearer to PostgreSQL's. */
  readonly kind: 'mysql' | 'postgres';
  /** A text as a literal. */
  quote(text: string): string;
  /** Bytes as a literal, from their hexadecimal digits. */
  bytes(hex: string): string;
  query(text: string): Promise<Answer>;
  close(): Promise<void>;
}

/** What a server said, or the network: 08000 without an SQLSTATE. */
export function sqlStateOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '08000';
  if ('sqlState' in error && typeof error.sqlState === 'string') return error.sqlState;
  const code = 'code' in error ? String(error.code) : '';
  return /^[0-9A-Z]{5}$/.test(code) && code !== 'EPIPE' ? code : '08000';
}

export async function openClient(url: string): Promise<TextClient> {
  if (url.startsWith('oracle:')) return openOracleClient(url);
  return /^(mysql|mariadb):/.test(url) ? openMysql(url) : openPostgres(url);
}

/** Statements one after the other, each on its own. */
export async function execute(url: string, statements: readonly string[]): Promise<void> {
  const client = await openClient(url);
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.close();
  }
}

async function openMysql(url: string): Promise<TextClient> {
  const { hostname: host, port, username: user } = new URL(url);
  const connection = await createConnection({
    host,
    port: Number(port),
    user,
    connectTimeout: 5_000,
    charset: 'utf8mb4',
  });
  connection.on('error', () => undefined);
  await connection.query("SET time_zone = '+00:00'");
  return {
    kind: 'mysql',
    quote: (text) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`,
    bytes: (hex) => `x'${hex}'`,
    query: async (sql) => {
      const [answer] = await connection.query({ sql, rowsAsArray: true, typeCast: (field) => field.string('utf8') });
      if (Array.isArray(answer)) return { rows: answer as unknown as Answer['rows'], affected: answer.length };
      return { rows: [], affected: answer.affectedRows };
    },
    // Not a goodbye: the server may be gone.
    close: async () => connection.destroy(),
  };
}

async function openPostgres(url: string): Promise<TextClient> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  await client.query("SET timezone = 'UTC'; SET standard_conforming_strings = on");
  const types = { getTypeParser: () => (value: string) => value };
  return {
    kind: 'postgres',
    quote: (text) => `'${text.replaceAll("'", "''")}'`,
    bytes: (hex) => `'\\x${hex}'`,
    query: async (text) => {
      const { rows, rowCount } = await client.query({ text, rowMode: 'array', types });
      return { rows: rows as (string | null)[][], affected: rowCount ?? 0 };
    },
    close: () => client.end().catch(() => undefined),
  };
}
