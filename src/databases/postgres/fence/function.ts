// The texts of a fence: one trigger function per run, and the statement triggers that call it. The function's first
// line says its state, so that the state is what the triggers do and nothing has to be kept in step with it.

import type { FenceState } from '../../fence.ts';
import type { Session, TextRow } from '../connection.ts';
import { WRITES_STOPPED } from '../errors.ts';
import { PASS_SETTING } from '../pass.ts';
import { quoteLiteral, quoteName, quoteTable } from '../sql.ts';

export const FENCE_TRIGGER = 'migrate_fence';

/** `pending`: refuses everything like `permanent`, but is not yet known to have come into force before the deadline. */
export type FenceMode = 'open' | 'pending' | 'permanent' | { readonly until: string };

const HEADER = '-- migrate fence: ';
// An open fence is called for every statement, with whatever search_path the application has: names are qualified.
const REFUSE = `RAISE EXCEPTION '${WRITES_STOPPED}' USING ERRCODE = '25006'`;

/** The fence function of a run, quoted, without its parentheses. */
export function fenceFunction(id: string): string {
  return `migrate.${quoteName(`fence_${id}`)}`;
}

/**
 * Puts a mode in force: for all tables at once, at the commit. With `pass`, the digest of a secret, sessions that know
 * the secret get through whatever the mode.
 */
export function functionStatement(id: string, mode: FenceMode, pass?: string): string {
  const text = pass === undefined ? body(mode) : body(mode).replace('\nBEGIN', `\nBEGIN${letThrough(pass)}`);
  return `CREATE OR REPLACE FUNCTION ${fenceFunction(id)}() RETURNS trigger LANGUAGE plpgsql AS $fence$${text}$fence$`;
}

// The text of a function can be read by everyone, so it has the digest only.
function letThrough(pass: string): string {
  const shown = `pg_catalog.current_setting('${PASS_SETTING}', true)`;
  const digest = `pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(${shown}, 'UTF8')), 'hex')`;
  return ` IF ${digest} OPERATOR(pg_catalog.=) ${quoteLiteral(pass)} THEN RETURN NULL; END IF;`;
}

function body(mode: FenceMode): string {
  if (typeof mode === 'object') {
    return `${HEADER}closed until ${mode.until}
BEGIN
  IF pg_catalog.clock_timestamp() OPERATOR(pg_catalog.<) '${mode.until}'::pg_catalog.timestamptz THEN ${REFUSE}; END IF;
  RETURN NULL;
END`;
  }
  return `${HEADER}${mode}\nBEGIN ${mode === 'open' ? 'RETURN NULL' : REFUSE}; END`;
}

/** The trigger stays in its default mode: sessions with session_replication_role=replica pass, such as our own lanes. */
export function triggerStatement(id: string, table: { readonly schema: string; readonly name: string }): string {
  return (
    `CREATE OR REPLACE TRIGGER ${FENCE_TRIGGER} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ${quoteTable(table)} ` +
    `FOR EACH STATEMENT EXECUTE FUNCTION ${fenceFunction(id)}()`
  );
}

/** True when the run has begun to make its tables here: the function comes before the first of them. */
export async function hasFence(session: Pick<Session, 'one'>, id: string): Promise<boolean> {
  const row = await session.one('SELECT to_regprocedure($1) IS NOT NULL AS it', [`${fenceFunction(id)}()`]);
  return row?.it === 't';
}

/** The tables that carry the run's fence, quoted as `quoteTable` does. */
export async function fencedTables(session: Pick<Session, 'query'>, id: string): Promise<ReadonlySet<string>> {
  const rows = await session.query(
    `SELECT n.nspname, c.relname FROM pg_trigger t
     JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE t.tgfoid = to_regprocedure($1)`,
    [`${fenceFunction(id)}()`],
  );
  return new Set(rows.map((row) => quoteTable({ schema: String(row.nspname), name: String(row.relname) })));
}

/** Of functions `p`: the mode's name, the deadline and what is left of it by the server's own clock. */
export const MODES = `
  SELECT substring(p.prosrc FROM '^${HEADER}([a-z]+)') AS mode,
    m.until::text AS until,
    (extract(epoch FROM m.until - clock_timestamp()) * 1000)::text AS remaining_ms
  FROM pg_proc p,
    LATERAL (SELECT substring(p.prosrc FROM '^${HEADER}closed until ([^\\n]+)')::timestamptz AS until) m`;

/** One row. Takes the function as $1. */
export const READ_MODE = `${MODES} WHERE p.oid = to_regprocedure($1)`;

export function readState(row: TextRow | undefined): FenceState {
  if (row === undefined) return { kind: 'absent' };
  switch (row.mode) {
    case 'open':
      return { kind: 'open' };
    case 'permanent':
      return { kind: 'permanent' };
    case 'closed': {
      const remainingMs = Number(row.remaining_ms);
      return { kind: 'closed', expired: remainingMs <= 0, remainingMs: Math.max(0, remainingMs) };
    }
    default:
      // Pending, or a text we did not write: it may refuse writes, and nobody may rely on it having done so all along.
      return { kind: 'closed', expired: false, remainingMs: 0 };
  }
}
