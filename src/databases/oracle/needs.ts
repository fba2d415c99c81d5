// The rights that a run needs, one by one: preflight asks for each, and `migrate grants` prints them.

import type { Finding } from '../../model/finding.ts';
import type { Grant, GrantPhase } from '../../model/grant.ts';
import { errorFinding, warningFinding } from '../findings.ts';
import { has, type Versions } from './features.ts';
import type { Rights } from './rights.ts';
import { quoteName } from './sql.ts';

export interface Need {
  readonly phase: GrantPhase;
  readonly subject: string;
  readonly why: string;
  readonly optional: boolean;
  statement(account: string): string;
  isMet(rights: Rights): boolean;
}

export interface TargetScope {
  /** Of the tables. */
  readonly schemas: readonly string[];
  /** True when the run makes sequences or identity columns. */
  readonly counts: boolean;
  /** True when the tables were made by hand. */
  readonly existing: boolean;
}

interface Asked {
  readonly phase: GrantPhase;
  readonly privileges: readonly string[];
  readonly why: string;
  readonly optional?: boolean;
}

const OWN = ['CREATE SESSION', 'CREATE TABLE', 'CREATE SEQUENCE', 'CREATE TRIGGER'];
const MAKING = ['CREATE ANY TABLE', 'ALTER ANY TABLE', 'DROP ANY TABLE', 'COMMENT ANY TABLE', 'CREATE ANY INDEX'];
/** TRUNCATE asks for DROP ANY TABLE, also where the run makes no table. */
const KEEPING = ['ALTER ANY TABLE', 'DROP ANY TABLE'];
const COUNTING = ['CREATE ANY SEQUENCE', 'ALTER ANY SEQUENCE', 'DROP ANY SEQUENCE', 'SELECT ANY SEQUENCE'];
const WRITING = ['SELECT ANY TABLE', 'INSERT ANY TABLE', 'UPDATE ANY TABLE', 'DELETE ANY TABLE'];

/** Views that the account reads where it may, with what for. */
interface Watched {
  readonly views: readonly string[];
  readonly why: string;
}

const WATCHED: readonly Watched[] = [
  {
    views: ['GV$SESSION'],
    why: 'to find the sessions that a runner which was killed has left, else they are waited for; and to name who blocks others',
  },
  {
    views: ['GV$LOCKED_OBJECT'],
    why: 'to name, with GV$SESSION, who keeps a statement that changes the schema from its table',
  },
  ...[
    { views: ['V$SESSION'], why: 'what runs, and who waits for locks, the redo log, the buffer cache or an index' },
    { views: ['V$RESOURCE_LIMIT'], why: 'how many more sessions it takes' },
    { views: ['V$LOG'], why: 'how much of the redo log is in use' },
    { views: ['V$TRANSACTION', 'V$PARAMETER', 'DBA_DATA_FILES'], why: 'how much undo open transactions take' },
    { views: ['DBA_TABLESPACE_USAGE_METRICS'], why: 'how full the tablespaces are' },
    { views: ['V$RECOVERY_FILE_DEST'], why: 'how full the recovery area is' },
    { views: ['V$ARCHIVE_DEST'], why: 'how far its standbys are behind' },
    { views: ['V$OSSTAT'], why: 'the load of its host' },
  ].map(({ views, why }) => ({ views, why: `to watch the server's health: ${why}` })),
];

/** All of them. */
export const VIEWS: readonly string[] = WATCHED.flatMap(({ views }) => views);

export function targetNeeds(server: Versions, account: string, scope: TargetScope): readonly Need[] {
  const own = systemNeed({ phase: 'schema', privileges: OWN, why: 'for the journal and the fence in its own schema' });
  const others = scope.schemas.filter((schema) => schema !== account);
  const making = [
    ...(scope.existing ? KEEPING : MAKING),
    ...(scope.counts && !scope.existing ? COUNTING : []),
    ...(scope.counts && scope.existing ? ['ALTER ANY SEQUENCE', 'SELECT ANY SEQUENCE'] : []),
  ];
  const on = (asked: Asked): readonly Need[] =>
    has(server, 'schemaPrivileges') ? others.map((schema) => schemaNeed(asked, schema)) : [systemNeed(asked)];
  const elsewhere =
    others.length === 0
      ? []
      : [
          ...on({ phase: 'schema', privileges: making, why: 'to make the tables' }),
          // In the account's own schema, on tables of others.
          systemNeed({ phase: 'schema', privileges: ['CREATE ANY TRIGGER'], why: 'to close the tables to others' }),
          ...on({ phase: 'load', privileges: WRITING, why: 'to write the rows, and to compare them' }),
        ];
  return [own, ...elsewhere, ...watching()];
}

function watching(): readonly Need[] {
  return [
    systemNeed({
      phase: 'cutover',
      privileges: ['ALTER SYSTEM'],
      why: 'to end the sessions that a runner which was killed has left, instead of waiting for them',
      optional: true,
    }),
    ...WATCHED.map(
      ({ views, why }): Need => ({
        phase: views.includes('GV$SESSION') ? 'cutover' : 'apply',
        subject: `SELECT on ${views.join(', ')}`,
        why,
        optional: true,
        statement: (account) => views.map((view) => grantView(view, account)).join(' '),
        isMet: (rights) => views.every((view) => rights.sees(view)),
      }),
    ),
  ];
}

/** What has the name of a view that begins with V$ is a synonym, on which nothing can be granted. */
export function grantView(view: string, account: string): string {
  return `GRANT SELECT ON SYS.${view.replace('V$', 'V_$')} TO ${quoteName(account)};`;
}

function systemNeed({ phase, privileges, why, optional = false }: Asked): Need {
  return {
    phase,
    subject: privileges.join(', '),
    why,
    optional,
    statement: (account) => `GRANT ${privileges.join(', ')} TO ${quoteName(account)};`,
    isMet: (rights) => privileges.every((privilege) => rights.has(privilege)),
  };
}

function schemaNeed({ phase, privileges, why, optional = false }: Asked, schema: string): Need {
  return {
    phase,
    subject: `${privileges.join(', ')} on schema ${schema}`,
    why,
    optional,
    statement: (account) => `GRANT ${privileges.join(', ')} ON SCHEMA ${quoteName(schema)} TO ${quoteName(account)};`,
    isMet: (rights) => privileges.every((privilege) => rights.has(privilege, schema)),
  };
}

/** One finding for each that is not met, with the statement that gives what is missing of it. */
export function unmet(rights: Rights, needs: readonly Need[]): readonly Finding[] {
  if (!rights.areKnown) return [rightsUnknown(rights.account)];
  return needs
    .filter((need) => !need.isMet(rights))
    .map((need) => {
      const make = need.optional ? warningFinding : errorFinding;
      return make({
        code: 'RIGHT',
        subject: need.subject,
        message: `account ${rights.account} lacks it: ${need.why}`,
        cure: need.statement(rights.account),
      });
    });
}

function rightsUnknown(account: string): Finding {
  return warningFinding({
    code: 'ORACLE_UNSEEN',
    subject: 'SESSION_PRIVS',
    message: `the server names no right of account ${account}: one that is missing shows when it is needed`,
    cure: 'migrate grants PLAN prints what the account needs.',
  });
}

export function toGrants(needs: readonly Need[], account: string): readonly Grant[] {
  return needs.map((need) => ({
    phase: need.phase,
    statement: need.statement(account),
    why: need.why,
    optional: need.optional,
  }));
}
