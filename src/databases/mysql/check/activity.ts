// Checks of what others do on the source, and may do.

import { setTimeout as sleep } from 'node:timers/promises';
import { errorFinding, infoFinding, warningFinding } from '../../findings.ts';
import { readActivity } from '../activity.ts';
import { quoteLiteral } from '../sql.ts';
import type { SourceCheck } from './source-subject.ts';

const DEFAULT_LONG_S = 60;
const MOST_NAMED = 10;
/** Where applications use XA, some transaction is prepared at any moment, for about as long as its commit takes. */
const TRANSIT_MS = 2_000;

/** The start waits for those that wrote to a table, and the fence for everyone who has used it. */
export const openTransactions: SourceCheck = async ({ session, facts, context }) => {
  // Who may not see them is told so by another check.
  if (!facts.rights.has('PROCESS')) return [];
  const long = context.longSeconds ?? DEFAULT_LONG_S;
  const rows = await readActivity(
    session,
    `SELECT t.trx_mysql_thread_id, p.USER, TIMESTAMPDIFF(SECOND, CONVERT_TZ(t.trx_started, 'SYSTEM', '+00:00'), UTC_TIMESTAMP())
     FROM information_schema.INNODB_TRX t LEFT JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id
     WHERE t.trx_mysql_thread_id NOT IN (0, CONNECTION_ID()) ORDER BY t.trx_started`,
  );
  return (rows ?? [])
    .filter(([, , age]) => Number(age) >= long)
    .map(([id, user, age]) =>
      warningFinding({
        code: 'OPEN_TRANSACTION',
        subject: `session ${id}`,
        message: `a transaction of ${user ?? 'somebody'} has been open for ${age} s: the start waits for its end`,
        cure: `KILL ${id};`,
      }),
    );
};

/** What they changed is in the log already, and not to be seen. */
export const preparedTransactions: SourceCheck = async ({ session, facts }) => {
  if (!facts.isMariadb && !facts.rights.has('XA_RECOVER_ADMIN')) return [];
  // Both print the parts of a name that is no plain text; only one as they are written.
  const prepared = async (): Promise<readonly string[]> => {
    const rows = await session.query(facts.isMariadb ? "XA RECOVER FORMAT='SQL'" : 'XA RECOVER CONVERT XID');
    return rows.map(([format, length, , data]) =>
      facts.isMariadb ? (data ?? '') : xidOf(format ?? '1', Number(length), data ?? ''),
    );
  };
  const patience = performance.now() + TRANSIT_MS;
  let names = await prepared();
  while (names.length > 0 && performance.now() < patience) {
    await sleep(100);
    const still = new Set(await prepared());
    names = names.filter((name) => still.has(name));
  }
  return names.map((name) =>
    errorFinding({
      code: 'PREPARED_TRANSACTION',
      subject: `transaction ${name}`,
      message: 'it was prepared by XA and has not ended: the start waits for its end',
      cure: `XA ROLLBACK ${name}; -- or XA COMMIT ${name}; whoever coordinates it knows`,
    }),
  );
};

/** From `0x6162` and how many bytes of it are the first part. */
function xidOf(format: string, length: number, hex: string): string {
  const digits = hex.replace(/^0x/i, '').toLowerCase();
  return `X'${digits.slice(0, 2 * length)}',X'${digits.slice(2 * length)}',${format}`;
}

/** Emptying and dropping a table fires no trigger: the fence stops only who may not do it. */
export const emptying: SourceCheck = async ({ session, facts, catalog }) => {
  const schemas = catalog.schemas.map(quoteLiteral).join(', ');
  // Else only the account's own rights are shown.
  if (schemas === '' || !facts.rights.has('SELECT', { schema: 'mysql' })) return [];
  const like = catalog.schemas.map((schema) => `${quoteLiteral(schema)} LIKE TABLE_SCHEMA`).join(' OR ');
  const rows = await session.query(
    `SELECT DISTINCT GRANTEE FROM (
       SELECT GRANTEE FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'DROP'
       UNION ALL SELECT GRANTEE FROM information_schema.SCHEMA_PRIVILEGES WHERE PRIVILEGE_TYPE = 'DROP' AND (${like})
       UNION ALL SELECT GRANTEE FROM information_schema.TABLE_PRIVILEGES
         WHERE PRIVILEGE_TYPE = 'DROP' AND TABLE_SCHEMA IN (${schemas})) g
     ORDER BY 1`,
  );
  const accounts = rows
    .map(([grantee]) => grantee ?? '')
    .filter((grantee) => grantee !== facts.account && !/^'(root|mysql\.\w+|mariadb\.sys)'@/.test(grantee));
  if (accounts.length === 0) return [];
  const more = accounts.length > MOST_NAMED ? ` and ${accounts.length - MOST_NAMED} more` : '';
  return [
    infoFinding({
      code: 'DROP_RIGHT',
      subject: 'accounts',
      message: `TRUNCATE and DROP TABLE pass the fence, and these may give them: ${accounts.slice(0, MOST_NAMED).join(', ')}${more}`,
    }),
  ];
};
