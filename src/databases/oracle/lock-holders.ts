// Who keeps a statement that changes the schema from its table. It gives up when DDL_LOCK_TIMEOUT has passed, with an error that names
// nobody.

import { MigrateError } from '../../lib/errors.ts';
import type { OracleSession } from './connection.ts';
import { text } from './schema-state.ts';
import { quoteLiteral } from './sql.ts';

export interface OtherSession {
  readonly sid: string;
  readonly serial: string;
  readonly instance: string;
  readonly module: string;
  readonly user: string;
  readonly program: string;
  readonly machine: string;
}

/** What ends it, and who works in it. */
export function sessionText({ sid, serial, instance, module, user, program, machine }: OtherSession) {
  const address = `'${sid},${serial},@${instance}'`;
  const who = [user, module === '' ? program : module, machine].filter((part) => part !== '').join(', ');
  return { name: `session ${address} on the target (${who})`, end: `ALTER SYSTEM KILL SESSION ${address} ends it` };
}

/** The error with the session that holds a lock on what the statement is about; as it is where none can be seen. */
export async function withHolder(session: OracleSession, statement: string, error: unknown): Promise<unknown> {
  if (!(error instanceof MigrateError)) return error;
  // Whatever a look fails of, the error is the one before it.
  const holder = await readHolder(session, statement).catch(() => undefined);
  if (holder === undefined) return error;
  const { name, end } = sessionText(holder);
  const { code, message, fix, disposition } = error;
  return new MigrateError(code, `${message}; ${name} holds a lock on it (${end})`, { cause: error, fix, disposition });
}

/** A table, and other things beside it, with their schemas. */
const NAMED = /("[^"]+")\.("[^"]+")/g;

async function readHolder(session: OracleSession, statement: string): Promise<OtherSession | undefined> {
  const places = [...statement.matchAll(NAMED)].map((place) => {
    const [schema = '', name = ''] = place.slice(1).map((part) => quoteLiteral(part.slice(1, -1)));
    return `(${schema}, ${name})`;
  });
  if (places.length === 0) return undefined;
  const [row] = await session.query(
    `SELECT S.SID, S.SERIAL#, S.INST_ID, S.MODULE, S.USERNAME, S.PROGRAM, S.MACHINE FROM GV$LOCKED_OBJECT L
       JOIN ALL_OBJECTS O ON O.OBJECT_ID = L.OBJECT_ID
       JOIN GV$SESSION S ON S.INST_ID = L.INST_ID AND S.SID = L.SESSION_ID
     WHERE (O.OWNER, O.OBJECT_NAME) IN (${[...new Set(places)].join(', ')}) ORDER BY S.LOGON_TIME`,
  );
  if (row === undefined) return undefined;
  const [sid = '', serial = '', instance = '', module = '', user = '', program = '', machine = ''] = row.map(text);
  return { sid, serial, instance, module, user, program, machine };
}
