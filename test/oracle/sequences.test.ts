// Number generators of an Oracle target, as servers of now and older ones can be told where they go on.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTables } from '../../src/databases/oracle/build.ts';
import { passFence } from '../../src/databases/oracle/pass.ts';
import { OracleSequences } from '../../src/databases/oracle/sequences.ts';
import { REAL_ORACLE } from '../fleet/oracle-shared.ts';
import { rowsOf } from '../scenario/scene.ts';
import { FENCE, RUN, SchemaFixture, shop } from './schema-fixture.ts';

const RELEASES = REAL_ORACLE === undefined ? (['12.1', '23ai'] as const) : (['its own'] as const);

describe.each(RELEASES)('release %s', (release) => {
  let db: SchemaFixture;
  beforeAll(async () => {
    db = await SchemaFixture.openWith({
      schemas: ['SHOP', 'SALES'],
      ...(release === 'its own' ? {} : { presents: release }),
    });
  });
  afterAll(() => db?.close());

  test('identity columns and sequences go on where the source stands, and never backwards', async () => {
    const wanted = shop();
    const sequences = new OracleSequences({ server: db.server, change: db.change });
    await db.change((changes) => createTables(changes, wanted, FENCE));
    const at = (last: string | null) =>
      wanted.sequences.map(({ schema, name, increment, cache }) => ({ schema, name, last, increment, cache }));
    await sequences.prepare(wanted, at('100'), 10);
    await sequences.advance(wanted, at('115'), 10);
    await sequences.advance(wanted, at('6'), 10);
    await sequences.relax(wanted);
    await passFence(db.session, RUN);
    const drawn = async (): Promise<readonly number[]> => {
      await db.run(
        `INSERT INTO "SHOP"."CUSTOMERS" ("EMAIL") VALUES ('a')`,
        'INSERT INTO "SHOP"."ORDERS" ("CUSTOMER") VALUES (7)',
      );
      const [customer] = await db.session.query('SELECT MAX("ID") FROM "SHOP"."CUSTOMERS"');
      const [order] = await db.session.query('SELECT MAX("ID") FROM "SHOP"."ORDERS"');
      return [Number(customer?.[0]), Number(order?.[0])];
    };
    const [customer = 0, order = 0] = await drawn();
    expect(customer).toBeGreaterThanOrEqual(126);
    expect(order).toBeGreaterThanOrEqual(115 + 11 * 5);
    expect((order - 115) % 5).toBe(0);
    expect(await drawn()).toEqual([customer + 1, order + 5]);
  });
});

test.skipIf(REAL_ORACLE !== undefined)(
  'an identity column whose sequence is not seen goes on after its highest value',
  async () => {
    const db = await SchemaFixture.open('SHOP', 'SALES');
    try {
      const wanted = shop();
      await db.change((changes) => createTables(changes, wanted, FENCE));
      await passFence(db.session, RUN);
      await db.run(`INSERT INTO "SHOP"."CUSTOMERS" ("ID", "EMAIL") VALUES (41, 'a')`);
      await db.session.commit();
      await rowsOf(db.below, 'ALTER VIEW standin.all_tab_identity_cols RENAME TO hidden_cols');
      await rowsOf(
        db.below,
        'CREATE VIEW standin.all_tab_identity_cols AS SELECT * FROM standin.hidden_cols WHERE false',
      );
      const sequences = new OracleSequences({ server: db.server, change: db.change });
      await sequences.prepare(wanted, [], 10);
      await sequences.advance(wanted, [], 10);
      await db.run(`INSERT INTO "SHOP"."CUSTOMERS" ("EMAIL") VALUES ('b')`);
      expect(await db.session.query(`SELECT "ID" FROM "SHOP"."CUSTOMERS" ORDER BY 1`)).toEqual([['41'], ['42']]);
    } finally {
      await db.close();
    }
  },
);
