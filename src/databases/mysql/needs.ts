// The rights that a run needs, one by one: preflight asks for each, and `migrate grants` prints them.

import type { FindingCode } from '../../lib/finding-codes.ts';
import type { Finding } from '../../model/finding.ts';
import type { Grant, GrantPhase } from '../../model/grant.ts';
import type { TableName } from '../../model/table.ts';
import { errorFinding, warningFinding } from '../findings.ts';
import type { TableSelection } from '../source.ts';
import { grant } from './account.ts';
import { isOn, type ServerFacts, setGlobal } from './check/facts.ts';
import { MARKER_SCHEMA } from './log/marker.ts';
import type { Place, Rights } from './rights.ts';
import { namedPlaces, selectsAll } from './selection.ts';

export interface Need {
  readonly phase: GrantPhase;
  readonly code: FindingCode;
  readonly subject: string;
  readonly why: string;
  /** What a finding says of its absence, where it is no right. */
  readonly absent?: string;
  readonly optional: boolean;
  /** For an account, quoted. */
  statement(account: string): string;
  isMet(rights: Rights): boolean;
}

interface Asked {
  readonly phase: GrantPhase;
  readonly privileges: readonly string[];
  readonly on?: Place;
  readonly why: string;
  readonly optional?: boolean;
  /** Another way in which it is met. */
  readonly or?: (rights: Rights) => boolean;
}

export interface SourceScope {
  /** The tables of the run. */
  readonly tables: readonly TableName[];
  /** True when every table has a key, so that the run can begin without a lock. */
  readonly isKeyed: boolean;
  readonly selection: TableSelection;
  /** True when the plan lets the run end transactions of others. */
  readonly endsTransactions: boolean;
}

const OWN = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'CREATE', 'DROP'] as const;

export function sourceNeeds(facts: ServerFacts, scope: SourceScope): readonly Need[] {
  const { isMariadb } = facts;
  const need = (asked: Asked): Need => toNeed(facts, asked);
  const onTables = (asked: Omit<Asked, 'on'>): readonly Need[] =>
    placesOf(scope).map((on) =>
      need({
        ...asked,
        on,
        or: (rights) => {
          const tables = scope.tables.filter(({ schema, name }) => schema === on.schema && (on.name ?? name) === name);
          const isMet = (table: TableName) => asked.privileges.every((privilege) => rights.has(privilege, table));
          return tables.length > 0 && tables.every(isMet);
        },
      }),
    );
  return [
    ...onTables({ phase: 'copy', privileges: ['SELECT'], why: 'to read the rows' }),
    ...schemasOf(scope).map((schema) =>
      need({
        phase: 'copy',
        privileges: ['LOCK TABLES'],
        on: { schema },
        why: `to begin at an exact moment, under a lock of some milliseconds${scope.isKeyed ? '; else the copy is not exact until it is caught up' : ''}`,
        optional: scope.isKeyed,
        or: (rights) => (rights.has('RELOAD') || rights.has('FLUSH_TABLES')) && rights.has('PROCESS'),
      }),
    ),
    ...(isMariadb
      ? [
          need({
            phase: 'copy',
            privileges: ['BINLOG ADMIN'],
            why: 'else a table that was read cannot be altered until the copy ends',
            optional: true,
            or: (rights) => rights.has('SUPER'),
          }),
        ]
      : [need({ phase: 'copy', privileges: ['XA_RECOVER_ADMIN'], why: 'to see transactions that are prepared' })]),
    need({
      phase: 'copy',
      privileges: [isMariadb ? 'BINLOG MONITOR' : 'REPLICATION CLIENT'],
      why: 'to see where the log ends',
      or: (rights) => rights.has('SUPER'),
    }),
    need({ phase: 'stream', privileges: ['REPLICATION SLAVE'], why: 'to read the log' }),
    need({
      phase: 'stream',
      privileges: OWN,
      on: { schema: MARKER_SCHEMA },
      why: 'for database migrate with markers, fence and lease',
    }),
    need({
      phase: 'stream',
      privileges: ['LOCK TABLES'],
      on: { schema: MARKER_SCHEMA },
      why: 'to take the table of markers away when the run is over',
      optional: true,
    }),
    ...onTables({ phase: 'freeze', privileges: ['TRIGGER'], why: 'for the fence that stops writes' }),
    ...triggerNeeds(facts, 'freeze'),
    need({
      phase: 'freeze',
      privileges: ['PROCESS'],
      why: 'to see whose transactions are open',
      optional: !scope.endsTransactions,
    }),
    ...lockNeeds(facts, 'freeze'),
    ...(scope.endsTransactions
      ? [
          need({
            phase: 'freeze',
            privileges: [isMariadb ? 'CONNECTION ADMIN' : 'CONNECTION_ADMIN'],
            why: 'cutover.openTransactions is end',
            or: (rights) => rights.has('SUPER'),
          }),
        ]
      : []),
  ];
}

export interface TargetScope {
  readonly schemas: readonly string[];
  /** True when the tables were made by hand. */
  readonly existing: boolean;
}

export function targetNeeds(facts: ServerFacts, { schemas, existing }: TargetScope): readonly Need[] {
  const need = (asked: Asked): Need => toNeed(facts, asked);
  // ALTER TABLE asks for CREATE, and TRUNCATE for DROP, also where the run makes no table.
  const making = ['CREATE', 'DROP', 'ALTER', 'TRIGGER', ...(existing ? [] : ['REFERENCES'])];
  return [
    need({
      phase: 'schema',
      privileges: OWN,
      on: { schema: MARKER_SCHEMA },
      why: 'for database migrate with the journal',
    }),
    ...schemas.map((schema) =>
      need({ phase: 'schema', privileges: making, on: { schema }, why: 'to make the tables, and close them' }),
    ),
    ...triggerNeeds(facts, 'schema'),
    ...schemas.map((schema) =>
      need({
        phase: 'load',
        privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
        on: { schema },
        why: 'to write the rows, and to compare them',
      }),
    ),
    need({
      phase: 'cutover',
      privileges: ['PROCESS'],
      why: 'to see who keeps a table from being altered',
      optional: true,
    }),
    ...lockNeeds(facts, 'cutover'),
  ];
}

/** One finding for each that is not met. */
export function unmet({ account, rights }: ServerFacts, needs: readonly Need[]): readonly Finding[] {
  return needs
    .filter((need) => !need.isMet(rights))
    .map((need) => {
      const make = need.optional ? warningFinding : errorFinding;
      return make({
        code: need.code,
        subject: need.subject,
        message: `${need.absent ?? `account ${account} lacks it`}: ${need.why}`,
        cure: need.statement(account),
      });
    });
}

/** `account`: quoted. */
export function toGrants(needs: readonly Need[], account: string): readonly Grant[] {
  return needs.map((need) => ({
    phase: need.phase,
    statement: need.statement(account),
    why: need.why,
    optional: need.optional,
  }));
}

function toNeed(
  { namesArePatterns }: ServerFacts,
  { phase, privileges, on = {}, why, optional = false, or }: Asked,
): Need {
  const place = on.schema === undefined ? '' : ` on ${on.schema}.${on.name ?? '*'}`;
  return {
    phase,
    code: 'RIGHT',
    subject: `${privileges.join(', ')}${place}`,
    why,
    optional,
    statement: (account) => grant(privileges, on, account, namesArePatterns),
    isMet: (rights) => or?.(rights) === true || privileges.every((privilege) => rights.has(privilege, on)),
  };
}

/** A database that is the run's altogether, or of which no table is seen yet; else its tables, those not seen yet included. */
function placesOf(scope: SourceScope): readonly Place[] {
  const named = [...scope.tables, ...namedPlaces(scope.selection)];
  return schemasOf(scope).flatMap((schema) => {
    const names = named.flatMap((place) => (place.schema === schema ? (place.name ?? []) : []));
    const isWhole = names.length === 0 || selectsAll(scope.selection, schema);
    return isWhole ? [{ schema }] : [...new Set(names)].map((name) => ({ schema, name }));
  });
}

/** Those of the tables, and those that the plan names: an account sees only what it has a right to. */
function schemasOf({ tables, selection }: SourceScope): readonly string[] {
  return [
    ...new Set([...tables.map(({ schema }) => schema), ...namedPlaces(selection).map(({ schema }) => schema)]),
  ].sort();
}

/** Where MySQL tells who holds a table. MariaDB does not tell there. */
function lockNeeds(facts: ServerFacts, phase: GrantPhase): readonly Need[] {
  if (facts.isMariadb) return [];
  const on = { schema: 'performance_schema' };
  const why = 'to name the sessions that hold a table';
  return [toNeed(facts, { phase, privileges: ['SELECT'], on, why, optional: true })];
}

/** A server that writes a log lets only some make triggers: what they do cannot be told from it. */
function triggerNeeds(facts: ServerFacts, phase: GrantPhase): readonly Need[] {
  if (!isOn(facts, 'log_bin')) return [];
  const name = 'log_bin_trust_function_creators';
  return [
    {
      phase,
      code: 'TRIGGER_CREATORS',
      subject: name,
      why: 'who has not SUPER may make triggers only when it is on',
      absent: 'it is off',
      optional: false,
      statement: () => setGlobal(facts, name, 'ON'),
      isMet: (rights) => isOn(facts, name) || rights.has('SUPER'),
    },
  ];
}
