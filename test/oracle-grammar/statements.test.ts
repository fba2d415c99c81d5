// Every statement that the tests of the project `oracle` sent, held against Oracle's grammar. Runs after all of them.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, inject, test } from 'vitest';
import { shapeOf, syntaxErrors } from '../fleet/oracle-grammar.ts';
import { otherErrors } from '../fleet/oracle-other-grammar.ts';

const WRONG = {
  'a limit as MySQL and PostgreSQL write it': 'SELECT "ID" FROM "SHOP"."ORDERS" LIMIT 10',
  'names in backticks': 'SELECT `ID` FROM `SHOP`.`ORDERS`',
  'an insert that leaves out what is there':
    'INSERT INTO "SHOP"."ORDERS" ("ID") VALUES (:1) ON CONFLICT ("ID") DO NOTHING',
  'an insert that changes what is there': 'INSERT INTO "SHOP"."O" ("ID") VALUES (:1) ON DUPLICATE KEY UPDATE "ID" = :1',
  'an insert of several rows': 'INSERT INTO "SHOP"."ORDERS" ("ID") VALUES (:1), (:2)',
  'a key that counts as in MySQL': 'CREATE TABLE "SHOP"."T" ("ID" NUMBER AUTO_INCREMENT PRIMARY KEY)',
  'a table if it is not there': 'CREATE TABLE IF NOT EXISTS "SHOP"."T" ("ID" NUMBER)',
  'a text without a length': 'CREATE TABLE "SHOP"."T" ("ID" NUMBER(19), "A" VARCHAR2 NOT NULL)',
  'a key that follows an update': `ALTER TABLE "SHOP"."O" ADD CONSTRAINT "F" FOREIGN KEY ("C") REFERENCES "SHOP"."C" ("ID") ON UPDATE CASCADE`,
  'a column added as elsewhere': 'ALTER TABLE "SHOP"."ORDERS" ADD COLUMN "X" NUMBER',
  'a table with an alias after AS': 'SELECT "T"."ID" FROM "SHOP"."ORDERS" AS "T"',
  'a merge without parentheses': `MERGE INTO "SHOP"."O" "T" USING DUAL ON "T"."ID" = :1 WHEN MATCHED THEN UPDATE SET "A" = :2`,
};

describe('the grammar refuses', () => {
  test.each(Object.entries(WRONG))('%s', (_what, sql) => {
    expect(syntaxErrors(sql)).not.toEqual([]);
  });
});

/** Each kind of statement that was sent; undefined, and the test skipped, where none was. Under CI that is a failure. */
async function sentShapes(skip: (why: string) => void): Promise<readonly string[] | undefined> {
  const file = inject('oracleStatements');
  if (!existsSync(file)) {
    const none = 'no test of the project `oracle` ran before this one';
    if (process.env.CI !== undefined) throw new Error(none);
    skip(none);
    return undefined;
  }
  const sent = (await readFile(file, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as string);
  return [...new Set(sent.map(shapeOf))];
}

test('every statement that was sent is Oracle’s', async (context) => {
  const shapes = await sentShapes(context.skip);
  const refused = shapes
    ?.map((sql) => ({ sql, error: syntaxErrors(sql)[0] }))
    .filter(({ error }) => error !== undefined);
  expect(refused).toEqual([]);
}, 600_000);

test('a second grammar of another origin says the same', async (context) => {
  const shapes = await sentShapes(context.skip);
  const errors = await otherErrors([...Object.values(WRONG), ...(shapes ?? [])]);
  expect(shapes?.filter((sql) => errors.has(sql)).map((sql) => ({ sql, error: errors.get(sql) }))).toEqual([]);
  const taken = Object.entries(WRONG).filter(([, sql]) => !errors.has(sql));
  expect(taken.map(([what]) => what)).toEqual(['a text without a length']);
}, 600_000);
