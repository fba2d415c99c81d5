// What a way back would need, by which changes made on Oracle after the cutover return to the source: a connector of Debezium that
// reads Oracle's log with LogMiner. It is prepared, not run: here is looked at what the server lacks for it. The list of
// rights is that of Debezium's manual, and was never tried on an Oracle.

import type { Catalog } from '../../model/catalog.ts';
import type { Finding } from '../../model/finding.ts';
import type { Grant } from '../../model/grant.ts';
import { errorFinding, infoFinding, warningFinding } from '../findings.ts';
import { readIfAllowed, type ServerFacts } from './check/facts.ts';
import type { OracleSession } from './connection.ts';
import { nameOf, readRelations } from './schema-state.ts';
import { quoteLiteral, quoteName, quoteTable } from './sql.ts';

/** Of one account, to be given in the root of a server with containers, for all of them. */
const PRIVILEGES = [
  'CREATE SESSION',
  'CREATE TABLE',
  'CREATE SEQUENCE',
  'FLASHBACK ANY TABLE',
  'LOCK ANY TABLE',
  'LOGMINING',
  'SELECT ANY TABLE',
  'SELECT ANY TRANSACTION',
];
const IN_CONTAINERS = 'SET CONTAINER';
const ROLES = ['EXECUTE_CATALOG_ROLE', 'SELECT_CATALOG_ROLE'];
const PACKAGES = ['DBMS_LOGMNR', 'DBMS_LOGMNR_D'];
const VIEWS = [
  ...['V_$ARCHIVED_LOG', 'V_$ARCHIVE_DEST_STATUS', 'V_$DATABASE', 'V_$LOG', 'V_$LOGFILE', 'V_$LOGMNR_CONTENTS'],
  ...['V_$LOGMNR_LOGS', 'V_$LOGMNR_PARAMETERS', 'V_$LOG_HISTORY', 'V_$MYSTAT', 'V_$STATNAME', 'V_$TRANSACTION'],
];

type Server = Pick<ServerFacts, 'container'>;

/** A right, the object it is on where it is on one, and the statement that gives it. */
interface Right {
  readonly name: string;
  readonly on: string | null;
  statement(account: string): string;
}

function rightsOf({ container }: Server): readonly Right[] {
  const end = container === '' ? ';' : ' CONTAINER = ALL;';
  const privileges = container === '' ? PRIVILEGES : [...PRIVILEGES, IN_CONTAINERS];
  const plain = (name: string): Right => ({
    name,
    on: null,
    statement: (account) => `GRANT ${name} TO ${quoteName(account)}${end}`,
  });
  const onObject =
    (name: string) =>
    (on: string): Right => ({
      name,
      on,
      statement: (account) => `GRANT ${name} ON SYS.${on} TO ${quoteName(account)}${end}`,
    });
  return [...privileges, ...ROLES].map(plain).concat(PACKAGES.map(onObject('EXECUTE')), VIEWS.map(onObject('SELECT')));
}

/** For `migrate grants`: `account` is the one that Debezium would log in with. */
export function reverseGrants(facts: Server, account: string): readonly Grant[] {
  const where = facts.container === '' ? '' : ', in CDB$ROOT';
  return rightsOf(facts).map((right) => ({
    phase: 'cutover',
    statement: right.statement(account),
    why: `the way back, which this version prepares and does not run${where}; as in Debezium's manual, never tried on an Oracle`,
    optional: true,
  }));
}

export interface ReverseSubject {
  readonly session: OracleSession;
  readonly catalog: Catalog;
  readonly facts: Server;
  /** The one that Debezium would log in with. */
  readonly account: string;
}

/** What is missing, each with its cure; and that no run begins with such a plan. */
export async function checkReverse(subject: ReverseSubject): Promise<readonly Finding[]> {
  return [
    errorFinding({
      code: 'REVERSE',
      subject: 'cutover.reverse',
      message: 'the way back is prepared in this version, and not run: what it would need is checked here',
      cure: 'cutover: { reverse: off }  # in the plan: there is no way back after the cutover',
    }),
    ...(await logging(subject)),
    ...(await accountRights(subject)),
  ];
}

async function logging(subject: ReverseSubject): Promise<readonly Finding[]> {
  const rows = await readIfAllowed(
    subject.session,
    'SELECT LOG_MODE, SUPPLEMENTAL_LOG_DATA_MIN, SUPPLEMENTAL_LOG_DATA_ALL, FORCE_LOGGING FROM V$DATABASE',
  );
  if (rows === undefined) return [unseen('V$DATABASE', 'whether the log is archived and complete')];
  const [mode, minimal, everything, forced] = rows[0] ?? [];
  return [
    ...(mode === 'ARCHIVELOG'
      ? []
      : [
          lacking({
            subject: `LOG_MODE ${mode}`,
            message: 'the log is overwritten before anybody has read it',
            cure: 'SHUTDOWN IMMEDIATE; STARTUP MOUNT; ALTER DATABASE ARCHIVELOG; ALTER DATABASE OPEN; -- as SYSDBA, in CDB$ROOT',
          }),
        ]),
    ...(minimal === 'NO'
      ? [
          lacking({
            subject: 'SUPPLEMENTAL_LOG_DATA_MIN',
            message: 'without it LogMiner cannot put rows together',
            cure: 'ALTER DATABASE ADD SUPPLEMENTAL LOG DATA; -- in CDB$ROOT',
          }),
        ]
      : []),
    ...(forced === 'NO'
      ? [
          lacking({
            subject: 'FORCE_LOGGING',
            message: 'what is loaded with NOLOGGING is in no log',
            cure: 'ALTER DATABASE FORCE LOGGING;',
          }),
        ]
      : []),
    ...(everything === 'YES' ? [] : await tables(subject)),
  ];
}

/** Those that are there. A run makes the others, and their logging belongs before the cutover. */
async function tables({ session, catalog }: ReverseSubject): Promise<readonly Finding[]> {
  const owners = catalog.schemas.map(quoteLiteral).join(', ') || 'NULL';
  const there = await readRelations(session, catalog.schemas);
  const logged = await readIfAllowed(
    session,
    `SELECT OWNER, TABLE_NAME FROM ALL_LOG_GROUPS WHERE LOG_GROUP_TYPE = 'ALL COLUMN LOGGING' AND OWNER IN (${owners})`,
  );
  if (logged === undefined) return [unseen('ALL_LOG_GROUPS', 'whether the tables are logged with all columns')];
  const complete = new Set(logged.map(([schema = '', name = '']) => nameOf({ schema, name })));
  const cure = (table: string): string => `ALTER TABLE ${table} ADD SUPPLEMENTAL LOG DATA (ALL) COLUMNS;`;
  const present = catalog.tables.filter(({ table }) => there.has(nameOf(table)));
  const later = catalog.tables.length - present.length;
  return [
    ...present
      .filter(({ table }) => !complete.has(nameOf(table)))
      .map(({ table }) =>
        lacking({
          subject: table.id,
          message: 'its changes are not logged with the key and all columns',
          cure: cure(quoteTable(table)),
        }),
      ),
    ...(later === 0
      ? []
      : [
          infoFinding({
            code: 'ORACLE_REVERSE',
            subject: `${later} tables`,
            message: 'once the run has made them their changes have to be logged with all columns, before the cutover',
            cure: cure('…'),
          }),
        ]),
  ];
}

async function accountRights({ session, facts, account }: ReverseSubject): Promise<readonly Finding[]> {
  const of = (columns: string, view: string) =>
    readIfAllowed(session, `SELECT ${columns} FROM ${view} WHERE GRANTEE = ${quoteLiteral(account)}`);
  const privileges = await of('PRIVILEGE', 'DBA_SYS_PRIVS');
  const roles = await of('GRANTED_ROLE', 'DBA_ROLE_PRIVS');
  const objects = await of('PRIVILEGE, TABLE_NAME', 'DBA_TAB_PRIVS');
  if (privileges === undefined || roles === undefined || objects === undefined) {
    return [unseen('DBA_SYS_PRIVS, DBA_ROLE_PRIVS, DBA_TAB_PRIVS', `what ${account} may do`)];
  }
  const given = new Set([...privileges, ...roles, ...objects].map((row) => row.join(' ON ')));
  const missing = rightsOf(facts).filter(({ name, on }) => !given.has(on === null ? name : `${name} ON ${on}`));
  if (missing.length === 0) return [];
  return [
    lacking({
      subject: `account ${account}`,
      message: `it lacks ${missing.map(({ name, on }) => (on === null ? name : `${name} on ${on}`)).join(', ')}`,
      cure: missing.map((right) => right.statement(account)).join(' '),
    }),
  ];
}

function lacking(text: { readonly subject: string; readonly message: string; readonly cure: string }): Finding {
  return warningFinding({ code: 'ORACLE_REVERSE', ...text });
}

function unseen(subject: string, what: string): Finding {
  return warningFinding({
    code: 'ORACLE_UNSEEN',
    subject,
    message: `not checked: the server does not show this account ${what}`,
  });
}
