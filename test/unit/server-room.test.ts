// Servers without room, for rows or for connections: what they say is told from what only happens now and then.

import { expect, test } from 'vitest';
import { translateError as ofMysql } from '../../src/databases/mysql/errors.ts';
import { translateError as ofPostgres } from '../../src/databases/postgres/errors.ts';
import { VITALS } from '../../src/model/vital.ts';

const thrown = (message: string, more: object): Error => Object.assign(new Error(message), more);
const postgres = (code: string) => ofPostgres('target', thrown('could not extend file', { code }));
const mysql = (errno: number, message: string) => ofMysql('source', thrown(message, { errno, code: 'ER_SOME' }));

test('no space on a disk is tried again, whichever words the server has for it', () => {
  expect(postgres('53100')).toMatchObject({ code: 'TARGET.FULL', disposition: 'retry' });
  const said = [
    mysql(1021, 'Disk full (/tmp/x); waiting for someone to free some space... (errno: 28 "No space left on device")'),
    mysql(1114, "The table 't' is full"),
    mysql(1030, "Got error 28 - 'No space left on device' from storage engine"),
    mysql(3, "Error writing file './binlog' (OS errno 28 - No space left on device)"),
  ];
  expect(said.map(({ code, disposition }) => `${code} ${disposition}`)).toEqual(Array(4).fill('SOURCE.FULL retry'));
  // Others quote values of rows.
  expect(mysql(1062, "Duplicate entry 'error 28' for key 't.PRIMARY'").code).toBe('SOURCE.REFUSED');
});

test('no connection left comes with what to do about just that', () => {
  const { cure } = VITALS.connections;
  expect(postgres('53300')).toMatchObject({ code: 'TARGET.CONNECTION', disposition: 'retry', fix: cure });
  expect(mysql(1040, 'Too many connections')).toMatchObject({
    code: 'SOURCE.CONNECTION',
    disposition: 'retry',
    fix: cure,
  });
  expect(postgres('57P03').fix).not.toBe(cure);
});
