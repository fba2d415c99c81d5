// Rows of the target that somebody else holds, and a server without an answer.

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { OracleSession } from '../../src/databases/oracle/connection.ts';
import { LockWaits } from '../../src/databases/oracle/write/lock-waits.ts';
import { withClient } from '../fleet/databases.ts';
import { withOracle } from '../fleet/oracle.ts';
import { REAL_ORACLE } from '../fleet/oracle-shared.ts';
import { WriteFixture } from './write-fixture.ts';

const LOOK_MS = 100;
/** Longer than a look takes on a busy machine. */
const LIMIT_MS = 2_000;

let fixture: WriteFixture;

beforeAll(async () => {
  fixture = await WriteFixture.open();
}, 300_000);
afterAll(() => fixture?.close());

/** Of a server whose looks can be counted. */
function watched(): { readonly waits: LockWaits; readonly told: (string | null)[]; readonly looks: () => number } {
  let looks = 0;
  const told: (string | null)[] = [];
  const server = {
    use: <T>(work: (session: OracleSession) => Promise<T>): Promise<T> => {
      looks += 1;
      return fixture.server.use(work);
    },
  };
  const waits = new LockWaits({ server, lookMs: LOOK_MS, onWaiting: (reason) => told.push(reason) });
  return { waits, told, looks: () => looks };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await fixture.rows('SELECT 1 FROM DUAL');
}

test('a row that somebody else holds is waited for beyond the time for an answer, and whose lock it is is told', async () => {
  const table = await fixture.make(['ID NUMBER(10)', 'A NUMBER(5)'], ['ID'], '1, 1');
  const change = `UPDATE "SHOP"."${table.name}" SET "A" = "A" + 1`;
  const { waits, told, looks } = watched();
  const [first, second] = [await fixture.server.session(), await fixture.server.session()];
  onTestFinished(() => Promise.all([first.close(), second.close()]).then(() => undefined));
  await withOracle(fixture.oracle.url, async (holder) => {
    await holder.execute(`SELECT * FROM "SHOP"."${table.name}" FOR UPDATE`, []);
    const [[sid] = []] = (await holder.execute("SELECT SYS_CONTEXT('USERENV', 'SID') FROM DUAL", [])).rows ?? [];
    const begin = (session: OracleSession): Promise<number> =>
      waits.answered(session, LIMIT_MS, () => session.execute(change));
    const one = begin(first);
    await Promise.race([one, until(() => told.length > 0)]);
    // The second waits for the first, or for the same as it.
    const both = Promise.all([one, begin(second).then((count) => second.commit().then(() => count))]);
    const before = looks();
    // Each look comes after the one before it.
    await Promise.race([both, until(() => looks() > before + LIMIT_MS / LOOK_MS)]);
    for (const reason of told) expect(reason).toContain(`session '${sid},`);
    await holder.rollback();
    expect(await one).toBe(1);
    await first.commit();
    expect(await both).toEqual([1, 1]);
  });
  expect(told.at(-1)).toBeNull();
  expect(await fixture.all(table)).toEqual(['1|3']);
});

test.skipIf(REAL_ORACLE !== undefined)(
  'whoever writes the redo log is no holder of a lock, that somebody should end',
  async () => {
    const { waits, told, looks } = watched();
    const session = await fixture.server.session();
    onTestFinished(() => session.close());
    const [[sid] = []] = await session.query("SELECT SYS_CONTEXT('USERENV', 'SID') FROM DUAL");
    await withOracle(fixture.oracle.url, async (writer) => {
      const [[other] = []] = (await writer.execute("SELECT SYS_CONTEXT('USERENV', 'SID') FROM DUAL", [])).rows ?? [];
      await withClient(fixture.oracle.below, async (client) => {
        await client.query(`INSERT INTO standin.waits VALUES (${sid}, 'log file sync', ${other})`);
        await waits.answered(session, 0, () => until(() => looks() > 2));
        await client.query('DELETE FROM standin.waits');
      });
    });
    expect(told).toEqual([]);
  },
);

test.skipIf(REAL_ORACLE !== undefined)('a server that does nothing for so long is given up', async () => {
  const { waits, told } = watched();
  const session = await fixture.server.session();
  await fixture.oracle.fault({ pattern: 'SELECT 2', action: { seconds: 8 } });
  const asked = waits.answered(session, LIMIT_MS, () => session.query('SELECT 2 FROM DUAL'));
  await expect(asked).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
  expect([session.broken, told]).toEqual([true, []]);
});
