// Every error of Oracle that the program knows, as the driver gives it: who acts next, whether the session can go on, and that no
// value of a row is told.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OracleServer, type OracleSession } from '../../src/databases/oracle/connection.ts';
import { oraCode } from '../../src/databases/oracle/errors.ts';
import { isRefused } from '../../src/databases/oracle/write/failures.ts';
import { OracleDouble } from '../fleet/oracle-double/double.ts';

interface Class {
  readonly codes: readonly number[];
  readonly expected: { readonly code: string; readonly disposition: string };
  /** The session is lost. */
  readonly breaks?: true;
  /** The row is at fault. */
  readonly refusesRow?: true;
  /** The cure that it must name. */
  readonly fix?: RegExp;
}

const again = (code: string) => ({ code: `TARGET.${code}`, disposition: 'retry' });
const person = (code: string) => ({ code: `TARGET.${code}`, disposition: 'operator' });
const range = (first: number, last: number): readonly number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

const CLASSES: Readonly<Record<string, Class>> = {
  'the session is lost, or the server starts, stops, changes its role or has no room': {
    codes: [
      ...[18, 20, 22, 28, 31, 45, 376, 378, 600, 602, 603, 609, 1012, 1014, 1033, 1034, 1035, 1041, 1043, 1089, 1090],
      ...[1092, 1109, 1115, 1219, 2391, 2392, 2394, 2396, 2399, 3113, 3114, 3122, 3135, 3136, 7445, 12153, 12170],
      ...[12505, 12514, 12516, 12518, 12519, 12520, 12521, 12526, 12527, 12528, 12537, 12541, 12543, 12545, 12547],
      ...[12560, 12570, 12571, 12583, 12757, 16000, 16456, 25408, 27102, 27146, 28511, 56600],
    ],
    expected: again('CONNECTION'),
    breaks: true,
  },
  'a lock, a deadlock, a snapshot, undo, memory, cursors, a change meanwhile: the same again': {
    codes: [
      ...[40, 51, 52, 53, 54, 55, 56, 60, 104, 1000, 1013, 1410, 1466, 1555, 1562, 1591, 2049, 4020, 4021, 4022, 4030],
      ...[4031, 4036, 4061, 4065, 4068, 8103, 8176, 8177, 12805, 12829, 12842, 14403, 14411, 22922, 22924, 30006],
      ...[30027, 30036],
    ],
    expected: again('TRANSIENT'),
  },
  'the account': {
    codes: [1004, 1005, 1017, 1045, 28000, 28001, 28009, 28040, 28041, 65162],
    expected: person('AUTHENTICATION'),
  },
  'no room, until a person makes some': {
    codes: [
      ...[257, 1536, 1631, 1632, 1652, 1653, 1654, 1655, 1658, 1659, 1683, 1684, 1688, 1691, 1692, 1693, 19804, 19809],
      ...[30032, 65114],
    ],
    expected: again('FULL'),
    fix: /room|QUOTA|grow/,
  },
  'a right is missing': { codes: [942, 1031, 1950], expected: person('REFUSED'), fix: /migrate check|QUOTA/ },
  'the server, until a person mends it': {
    codes: [1502, 1578, 2393, 2395, 4098, 12953, 14402, 28365, 28374],
    expected: person('REFUSED'),
    fix: /ALTER|RECOVER|edition|KEYSTORE/,
  },
  'the row': {
    codes: [
      ...[1, 1400, 1401, 1402, 1407, 1426, 1428, 1438, 1455, 1457, 1460, 1461, 1465, 1489, 1722, 1873, 1874, 2290],
      ...[2291, 2292, 6502, 12899, 14300, 14400, 14401, 22835, 29275, 40441, 40478, 40490, 40583, 40587],
      ...[...range(1830, 1872), ...range(1875, 1882)],
    ],
    expected: person('REFUSED'),
    refusesRow: true,
  },
  'the statement, or what it names': {
    codes: [
      ...[900, 902, 903, 904, 905, 906, 907, 911, 922, 923, 925, 933, 936, 955, 957, 959, 972, 990, 1408, 1418, 1430],
      ...[1439, 1440, 1441, 1442, 1450, 1451, 1452, 1552, 1720, 1749, 1775, 1918, 1920, 1935, 2260, 2261, 2264, 2267],
      ...[2270, 2275, 2289, 2298, 2299, 2327, 2329, 2430, 2431, 2437, 2438, 2443, 4080, 4081, 32795, 38104, 54013],
      ...[65096, 20901, 910, 12704, 22858, 24816],
    ],
    expected: person('REFUSED'),
  },
};

let double: OracleDouble;
let server: OracleServer;
let session: OracleSession;

beforeAll(async () => {
  double = await OracleDouble.open();
  double.tables.define({ name: 'T', columns: [{ name: 'ID' }], key: ['ID'] });
  server = new OracleServer('target', double.url);
  session = await server.session();
});
afterAll(async () => {
  server.destroy();
  await double.close();
});

/** What a statement becomes to which the server answers this. */
async function answeredBy(oraCode: number, message: string): Promise<unknown> {
  if (session.broken) session = await server.session();
  double.fault({ pattern: /^DELETE/, action: { oraCode, message } });
  return session.execute('DELETE FROM "T" WHERE "ID" = :1', ['secret']).catch((thrown: unknown) => thrown);
}

test.each(Object.entries(CLASSES))('%s', async (_, { codes, expected, breaks, refusesRow, fix }) => {
  for (const code of codes) {
    const error = await answeredBy(code, 'the server says why');
    const label = `ORA-${String(code).padStart(5, '0')}`;
    expect(error, label).toMatchObject({ ...expected, message: expect.stringContaining(label) });
    const found = [label, session.broken, isRefused(error), oraCode(error)];
    expect(found).toEqual([label, breaks ?? false, refusesRow ?? false, code]);
    if (fix !== undefined) expect((error as { fix: string }).fix, label).toMatch(fix);
  }
});

test('no error is known that no class has', () => {
  const classed = new Set(Object.values(CLASSES).flatMap(({ codes }) => codes));
  const known = ['errors.ts', 'error-cures.ts', 'error-names.ts', 'write/failures.ts'].flatMap((file) => {
    const text = readFileSync(new URL(`../../src/databases/oracle/${file}`, import.meta.url), 'utf8');
    // The driver's numbers and wrappers are no errors of their own.
    const own = text.replaceAll(/const \w*(?:DRIVER|WRAPPERS) = .*?\);/gs, '');
    return [...own.matchAll(/(?<!\w)\[\s*(\d+(?:,\s*\d+)*),?\s*\]/g)].flatMap(([, list = '']) =>
      list.split(',').map(Number),
    );
  });
  expect(known.length).toBeGreaterThan(200);
  expect([...new Set(known)].filter((code) => code > 0 && !classed.has(code))).toEqual([]);
});

test.each([
  [1, 'unique constraint (SHOP.T_PK) violated\nORA-03301: row with column values (ID:secret) already exists'],
  [1722, 'unable to convert string value containing "secret" to a number: ID'],
  [1438, 'value secret greater than specified precision (3, 0) for column'],
  [2290, 'check constraint (SHOP.T_CK) violated\nHelp: secret'],
  [20_901, 'a trigger of somebody else that quotes secret\nORA-06512: at "SHOP.T", line 3\nORA-04088: error'],
] as const)('the words of ORA-%i are told without the values of the row', async (oraCode, message) => {
  const error = await answeredBy(oraCode, message);
  const told = [error, (error as Error).cause].map((one) => JSON.stringify(one, Object.getOwnPropertyNames(one)));
  expect(told.join()).not.toContain('secret');
});
