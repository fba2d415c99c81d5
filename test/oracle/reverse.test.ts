// A way back from Oracle is prepared, not run: what the server lacks for it is told with the cure, and no run begins with it. And what
// the server does not show is told, and stops nothing.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { unconverted } from '../../src/databases/conversion.ts';
import { OracleTarget } from '../../src/databases/oracle/target.ts';
import { withClient } from '../fleet/databases.ts';
import { REAL_ORACLE } from '../fleet/oracle-shared.ts';
import { CLAIM, ID, SchemaFixture, shop } from './schema-fixture.ts';

let db: SchemaFixture;
beforeAll(async () => {
  db = await SchemaFixture.open('SHOP');
});
afterAll(() => db?.close());

const ACCOUNT = 'C##DEBEZIUM';

function target(reverse?: string): OracleTarget {
  return new OracleTarget({
    server: db.server,
    id: ID,
    claim: () => CLAIM,
    conversionOf: unconverted,
    networkTimeoutMs: 30_000,
    builders: 2,
    connections: 10,
    existing: false,
    reverse,
  });
}

async function found(reverse?: string): Promise<readonly string[]> {
  const findings = await target(reverse).check(shop(), false);
  return findings
    .filter(({ code }) => /REVERSE|UNSEEN/.test(code))
    .map(({ level, code, subject, cure }) => `${level} ${code.replace('PREFLIGHT.', '')} ${subject}: ${cure}`);
}

const below = (statement: string): Promise<unknown> => withClient(db.below, (client) => client.query(statement));

test.skipIf(REAL_ORACLE !== undefined)(
  'each thing that a way back lacks is told with its cure, until nothing is missing',
  async () => {
    expect(await found()).toEqual([]);
    const off =
      'error REVERSE cutover.reverse: cutover: { reverse: off }  # in the plan: there is no way back after the cutover';
    const [first, ...others] = await found(ACCOUNT);
    expect(first).toBe(off);
    const account = others.at(-1) ?? '';
    expect(others.slice(0, -1)).toEqual([
      'warning ORACLE_REVERSE LOG_MODE NOARCHIVELOG: SHUTDOWN IMMEDIATE; STARTUP MOUNT; ALTER DATABASE ARCHIVELOG; ALTER DATABASE OPEN; -- as SYSDBA, in CDB$ROOT',
      'warning ORACLE_REVERSE SUPPLEMENTAL_LOG_DATA_MIN: ALTER DATABASE ADD SUPPLEMENTAL LOG DATA; -- in CDB$ROOT',
      'warning ORACLE_REVERSE FORCE_LOGGING: ALTER DATABASE FORCE LOGGING;',
      'info ORACLE_REVERSE 2 tables: ALTER TABLE … ADD SUPPLEMENTAL LOG DATA (ALL) COLUMNS;',
    ]);
    const { grants } = await target(ACCOUNT).grants(shop());
    // A database without containers has a name that is no container's.
    await below("INSERT INTO standin.context VALUES ('CON_ID', '0'), ('CON_NAME', 'ORCL')");
    expect((await target(ACCOUNT).grants(shop())).grants).toEqual(grants);
    await below("UPDATE standin.context SET value = '3' WHERE name = 'CON_ID'");
    const contained = (await target(ACCOUNT).grants(shop())).grants.map(({ statement }) => statement);
    expect(contained).toContain(`GRANT SET CONTAINER TO "${ACCOUNT}" CONTAINER = ALL;`);
    await below('DELETE FROM standin.context');
    const wanted = grants.map(({ statement }) => statement).filter((statement) => statement.includes(ACCOUNT));
    expect(wanted).toContain(`GRANT SELECT ON SYS.V_$LOGMNR_CONTENTS TO "${ACCOUNT}";`);
    expect(account).toBe(`warning ORACLE_REVERSE account ${ACCOUNT}: ${wanted.join(' ')}`);
    expect((await target().grants(shop())).grants.length).toBe(grants.length - wanted.length);

    await below(
      "UPDATE standin.v$database SET log_mode = 'ARCHIVELOG', supplemental_log_data_min = 'YES', force_logging = 'YES'",
    );
    for (const statement of wanted) {
      const [, right = '', on] = /^GRANT (.*?)(?: ON SYS\.(\S+))? TO/.exec(statement) ?? [];
      const [view, values] =
        on !== undefined
          ? ['dba_tab_privs', `'${right}', '${on}'`]
          : right.endsWith('_ROLE')
            ? ['dba_role_privs', `'${right}'`]
            : ['dba_sys_privs', `'${right}'`];
      await below(`INSERT INTO standin.${view} VALUES ('${ACCOUNT}', ${values})`);
    }
    await db.run('CREATE TABLE "SHOP"."ORDERS" ("ID" NUMBER)', 'CREATE TABLE "SHOP"."CUSTOMERS" ("ID" NUMBER)');
    await below("INSERT INTO standin.all_log_groups VALUES ('SHOP', 'G', 'ORDERS', 'ALL COLUMN LOGGING')");
    expect(await found(ACCOUNT)).toEqual([
      off,
      'warning ORACLE_REVERSE shop.customers: ALTER TABLE "SHOP"."CUSTOMERS" ADD SUPPLEMENTAL LOG DATA (ALL) COLUMNS;',
    ]);
    await below("UPDATE standin.v$database SET supplemental_log_data_all = 'YES'");
    expect(await found(ACCOUNT)).toEqual([off]);
  },
);

test.skipIf(REAL_ORACLE !== undefined)(
  'views that the server does not have are told, and the other checks go on',
  async () => {
    await below('CREATE TABLE kept AS SELECT * FROM standin.privileges; DELETE FROM standin.privileges');
    await below('DROP VIEW standin.all_constraints CASCADE; DROP VIEW sys.all_constraints CASCADE');
    const findings = await target().check(shop(), false);
    const unseen = findings.filter(({ code }) => code === 'PREFLIGHT.ORACLE_UNSEEN');
    expect(unseen.map(({ level, subject }) => `${level} ${subject}`)).toEqual([
      'warning SESSION_PRIVS',
      'warning names that are taken',
    ]);
    expect(findings.filter(({ level }) => level === 'error').map(({ code }) => code)).toEqual([
      'PREFLIGHT.TARGET_NOT_EMPTY',
      'PREFLIGHT.TARGET_NOT_EMPTY',
    ]);
  },
);
