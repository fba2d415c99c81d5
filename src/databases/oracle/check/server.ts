// Checks of a server as a whole.

import type { Finding } from '../../../model/finding.ts';
import { errorFinding, infoFinding, warningFinding } from '../../findings.ts';
import type { OracleSession } from '../connection.ts';
import { firstWith, has } from '../features.ts';
import { readIfAllowed, type ServerFacts } from './facts.ts';

export function checkVersion(facts: ServerFacts): readonly Finding[] {
  const { product } = facts;
  if (!has(facts, 'whatIsNeeded')) {
    return [
      errorFinding({
        code: 'VERSION',
        subject: product,
        message: `Oracle ${firstWith('whatIsNeeded')} is the oldest version that is supported`,
      }),
    ];
  }
  return [
    infoFinding({
      code: 'ORACLE_TESTED',
      subject: product,
      message: 'the tests of this program run against a stand-in for Oracle: rehearse with a copy of the data first',
    }),
  ];
}

export function checkContainer({ container }: ServerFacts): readonly Finding[] {
  if (container !== 'CDB$ROOT') return [];
  return [
    errorFinding({
      code: 'ORACLE_CONTAINER',
      subject: container,
      message: 'the service leads to the root of a container database, where no application keeps its tables',
      cure: 'Name the service of the pluggable database in target.url; SELECT NAME FROM V$PDBS; has their names.',
    }),
  ];
}

export function checkWritable({ role }: ServerFacts): readonly Finding[] {
  if (role === '' || role === 'PRIMARY') return [];
  return [
    errorFinding({
      code: 'READ_ONLY',
      subject: role,
      message: 'the server is a standby and refuses writes',
      cure: 'Name the primary in target.url.',
    }),
  ];
}

export function checkCharset({ charset }: ServerFacts): readonly Finding[] {
  if (charset === 'AL32UTF8') return [];
  if (charset === '') {
    return [
      warningFinding({
        code: 'ORACLE_UNSEEN',
        subject: 'character set',
        message: 'the server does not tell it: in another than AL32UTF8 characters would be replaced, without an error',
      }),
    ];
  }
  return [
    errorFinding({
      code: 'ORACLE_CHARSET',
      subject: `NLS_CHARACTERSET ${charset}`,
      message: 'characters that it does not have would be replaced by others, without an error',
      cure: 'Name a database in AL32UTF8 in target.url (CREATE PLUGGABLE DATABASE … in a container of AL32UTF8).',
    }),
  ];
}

/** `needed`: what the run will open. Without the right to ask nothing is said: the server tells when it has none left. */
export async function checkConnections(session: OracleSession, needed: number): Promise<readonly Finding[]> {
  const rows = await readIfAllowed(
    session,
    `SELECT RESOURCE_NAME, CURRENT_UTILIZATION, TRIM(LIMIT_VALUE) FROM V$RESOURCE_LIMIT
     WHERE RESOURCE_NAME IN ('processes', 'sessions')`,
  );
  return (rows ?? []).flatMap(([name = '', used, limit]): readonly Finding[] => {
    const free = Number(limit) - Number(used);
    // UNLIMITED is no number.
    if (!Number.isFinite(free) || free >= needed) return [];
    return [
      warningFinding({
        code: 'CONNECTIONS',
        subject: name,
        message: `the run opens up to ${needed} connections, and ${Math.max(0, free)} are free`,
        cure: `ALTER SYSTEM SET ${name} = ${Number(limit) + needed - free} SCOPE = SPFILE; -- and restart the server`,
      }),
    ];
  });
}
